# SPDX-License-Identifier: Apache-2.0
# The extension module, as cffi makes it. What lib's functions take and give is in src/core.cdef.
from typing import Any

ffi: Any
lib: Any
