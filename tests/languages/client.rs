// SPDX-License-Identifier: Apache-2.0
//! The client of the tutorial (examples/client.c) in Rust, over what bindgen makes of the public
//! headers: two streams, a message and some money on each.

use std::ffi::{CStr, CString};
use std::mem::size_of;
use std::os::raw::{c_char, c_int, c_void};
use std::ptr::{addr_of_mut, null, null_mut};

// What bindgen writes: all headers, not only what is used here.
#[allow(
    dead_code,
    non_camel_case_types,
    non_snake_case,
    non_upper_case_globals,
    unused
)]
#[allow(clippy::all)]
mod rill {
    include!(env!("RILL_BINDINGS"));
}
use rill::*;

#[derive(Default)]
struct Run {
    streams: Vec<*mut rill_stream>,
    done: bool,
}

unsafe fn run_of<'a>(user: *mut c_void) -> &'a mut Run {
    &mut *(user as *mut Run)
}

unsafe fn say_hello(s: *mut rill_stream) {
    let text = b"hello there!";
    let mut accepted = 0;
    println!("sending data to server on stream {}", rill_stream_id(s));
    if rill_stream_write(s, text.as_ptr() as *const c_void, text.len(), &mut accepted)
        != RILL_OK as c_int
    {
        fail(s);
    }
}

unsafe fn pay(s: *mut rill_stream, amount: u64) {
    println!("sending money to server on stream {}", rill_stream_id(s));
    if rill_stream_send_total(s, amount, RILL_NEVER as u64) != RILL_OK as c_int {
        fail(s);
    }
}

unsafe fn fail(s: *mut rill_stream) {
    rill_connection_close(rill_stream_connection(s), RILL_CLOSE_INTERNAL_ERROR, null());
}

unsafe extern "C" fn on_client_ready(
    client: *mut rill_client,
    c: *mut rill_connection,
    user: *mut c_void,
) {
    let run = run_of(user);
    for _ in 0..2 {
        let mut s = null_mut();
        if rill_connection_open_stream(c, &mut s) != RILL_OK as c_int {
            rill_client_close(client);
            return;
        }
        run.streams.push(s);
    }
    say_hello(run.streams[0]);
    say_hello(run.streams[1]);
    pay(run.streams[0], 100);
}

unsafe extern "C" fn on_send_total_end(s: *mut rill_stream, error: c_int, user: *mut c_void) {
    let run = run_of(user);
    let mut totals: rill_stream_totals = std::mem::zeroed();
    // The inline functions of the headers are for C; this is what they call.
    rill_stream_get_totals_sized(s, &mut totals, size_of::<rill_stream_totals>());
    let only = if error == RILL_OK as c_int {
        ""
    } else {
        " only"
    };
    println!("sent {} units{}", totals.sent, only);
    if error == RILL_OK as c_int && s == run.streams[0] {
        pay(run.streams[1], 200);
        return;
    }
    run.done = error == RILL_OK as c_int
        && rill_connection_end(rill_stream_connection(s)) == RILL_OK as c_int;
}

unsafe extern "C" fn on_closed(error: c_int, detail: *const c_char, _user: *mut c_void) {
    if error != RILL_OK as c_int {
        eprintln!("client: {}", CStr::from_ptr(detail).to_string_lossy());
    }
}

unsafe fn client(file: &str) -> Result<bool, String> {
    let mut run = Run::default();
    let path = CString::new(file).unwrap();
    let mut problem: *const c_char = null();
    let mut credentials: rill_credentials = std::mem::zeroed();
    if rill_credentials_load(&mut credentials, path.as_ptr(), &mut problem) != RILL_OK as c_int {
        return Err(format!("{file}: it cannot be used"));
    }
    let handlers = rill_handlers {
        size: size_of::<rill_handlers>(),
        client_ready: Some(on_client_ready),
        send_total_end: Some(on_send_total_end),
        closed: Some(on_closed),
        ..std::mem::zeroed()
    };
    let mut options: rill_net_options = std::mem::zeroed();
    rill_net_options_init_sized(&mut options, size_of::<rill_net_options>());
    options.handlers = &handlers;
    options.user = addr_of_mut!(run) as *mut c_void;

    let mut the_loop = null_mut();
    let mut client = null_mut();
    if rill_loop_new(&mut the_loop, null_mut()) != RILL_OK as c_int {
        return Err("no loop".to_string());
    }
    let error = rill_client_open(
        &mut client,
        the_loop,
        &options,
        credentials.destination_account.as_ptr(),
        credentials.shared_secret.as_ptr(),
        RILL_SHARED_SECRET_LEN as usize,
        &mut problem,
    );
    rill_credentials_wipe(&mut credentials);
    if error != RILL_OK as c_int {
        return Err(CStr::from_ptr(rill_strerror(error))
            .to_string_lossy()
            .into_owned());
    }
    let ran = rill_loop_run(the_loop) == RILL_OK as c_int;
    Ok(rill_loop_free(the_loop) == RILL_OK as c_int && ran && run.done)
}

fn main() {
    let file = std::env::args()
        .nth(1)
        .unwrap_or_else(|| "credentials.json".to_string());
    match unsafe { client(&file) } {
        Ok(true) => {}
        Ok(false) => std::process::exit(1),
        Err(problem) => {
            eprintln!("client: {problem}");
            std::process::exit(1);
        }
    }
}
