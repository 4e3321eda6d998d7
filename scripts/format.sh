#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# format.sh CLANG-FORMAT-OPTION...: runs the pinned clang-format over every C file of the project.
set -eu
cd "$(dirname "$0")/.."
find include src examples tests fuzz bench bindings -name node_modules -prune -o -name '*.[ch]' -print0 |
    xargs -0 clang-format-14 --style=file "$@"
