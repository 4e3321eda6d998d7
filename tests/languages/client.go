// SPDX-License-Identifier: Apache-2.0

// The client of the tutorial (examples/client.c) in Go, over the public headers as cgo reads them:
// two streams, a message and some money on each.
package main

/*
#include <stdlib.h>
#include "all.h"

// As the handlers have it: cgo knows no const.
typedef const char const_char;

void onClientReady(rill_client *client, rill_connection *c, void *user);
void onSendTotalEnd(rill_stream *s, int error, void *user);
void onClosed(int error, const_char *detail, void *user);
*/
import "C"

import (
	"fmt"
	"os"
	"unsafe"
)

// Handlers are called on the loop, which main runs: one goroutine.
var (
	streams [2]*C.rill_stream
	done    bool
)

func sayHello(s *C.rill_stream) {
	text := C.CString("hello there!")
	defer C.free(unsafe.Pointer(text))
	var accepted C.size_t
	fmt.Println("sending data to server on stream", C.rill_stream_id(s))
	if C.rill_stream_write(s, unsafe.Pointer(text), 12, &accepted) != C.RILL_OK {
		fail(s)
	}
}

func pay(s *C.rill_stream, amount C.uint64_t) {
	fmt.Println("sending money to server on stream", C.rill_stream_id(s))
	if C.rill_stream_send_total(s, amount, C.RILL_NEVER) != C.RILL_OK {
		fail(s)
	}
}

func fail(s *C.rill_stream) {
	C.rill_connection_close(C.rill_stream_connection(s), C.RILL_CLOSE_INTERNAL_ERROR, nil)
}

//export onClientReady
func onClientReady(client *C.rill_client, c *C.rill_connection, user unsafe.Pointer) {
	for i := range streams {
		if C.rill_connection_open_stream(c, &streams[i]) != C.RILL_OK {
			C.rill_client_close(client)
			return
		}
	}
	sayHello(streams[0])
	sayHello(streams[1])
	pay(streams[0], 100)
}

//export onSendTotalEnd
func onSendTotalEnd(s *C.rill_stream, err C.int, user unsafe.Pointer) {
	var totals C.rill_stream_totals
	C.rill_stream_get_totals(s, &totals)
	only := ""
	if err != C.RILL_OK {
		only = " only"
	}
	fmt.Printf("sent %d units%s\n", uint64(totals.sent), only)
	if err == C.RILL_OK && s == streams[0] {
		pay(streams[1], 200)
		return
	}
	done = err == C.RILL_OK && C.rill_connection_end(C.rill_stream_connection(s)) == C.RILL_OK
}

//export onClosed
func onClosed(err C.int, detail *C.const_char, user unsafe.Pointer) {
	if err != C.RILL_OK {
		fmt.Fprintln(os.Stderr, "client:", C.GoString((*C.char)(detail)))
	}
}

func client(file string) error {
	path := C.CString(file)
	defer C.free(unsafe.Pointer(path))
	var credentials C.rill_credentials
	defer C.rill_credentials_wipe(&credentials)
	if C.rill_credentials_load(&credentials, path, nil) != C.RILL_OK {
		return fmt.Errorf("%s: it cannot be used", file)
	}
	// What points at something else must be C's memory.
	handlers := (*C.rill_handlers)(C.calloc(1, C.sizeof_rill_handlers))
	options := (*C.rill_net_options)(C.calloc(1, C.sizeof_rill_net_options))
	defer C.free(unsafe.Pointer(handlers))
	defer C.free(unsafe.Pointer(options))
	handlers.size = C.sizeof_rill_handlers
	handlers.client_ready = (*[0]byte)(C.onClientReady)
	handlers.send_total_end = (*[0]byte)(C.onSendTotalEnd)
	handlers.closed = (*[0]byte)(C.onClosed)
	C.rill_net_options_init(options)
	options.handlers = handlers

	var loop *C.rill_loop
	var client *C.rill_client
	if C.rill_loop_new(&loop, nil) != C.RILL_OK {
		return fmt.Errorf("no loop")
	}
	err := C.rill_client_open(&client, loop, options, &credentials.destination_account[0],
		&credentials.shared_secret[0], C.RILL_SHARED_SECRET_LEN, nil)
	if err != C.RILL_OK {
		return fmt.Errorf("%s", C.GoString(C.rill_strerror(err)))
	}
	if err = C.rill_loop_run(loop); err == C.RILL_OK {
		err = C.rill_loop_free(loop)
	}
	if err != C.RILL_OK || !done {
		return fmt.Errorf("it was not all sent")
	}
	return nil
}

func main() {
	file := "credentials.json"
	if len(os.Args) > 1 {
		file = os.Args[1]
	}
	if err := client(file); err != nil {
		fmt.Fprintln(os.Stderr, "client:", err)
		os.Exit(1)
	}
}
