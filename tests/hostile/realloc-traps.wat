;; Fails while the host hands it an answer.
(global $asked (mut i32) (i32.const 0))
(func $bad (export "cabi_realloc") (param $old i32) (param $old_size i32) (param $align i32) (param $size i32) (result i32)
  (if (global.get $asked) (then unreachable))
  (call $new (local.get $size)))
(func $job-pause (param $request i32) (result i32)
  (global.set $asked (i32.const 1))
  (call $get-random-bytes (i64.const 8) (call $new (i32.const 8)))
  (call $say-done))
