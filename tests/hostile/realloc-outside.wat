;; Has the host write an answer outside of memory.
(func $bad (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
  (i32.const 0xfffffff0))
(func $job-pause (param $request i32) (result i32)
  (call $say-done))
