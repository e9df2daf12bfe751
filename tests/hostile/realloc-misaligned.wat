;; Has the host write an answer at an odd address.
(func $bad (export "cabi_realloc") (param $old i32) (param $old_size i32) (param $align i32) (param $size i32) (result i32)
  (i32.add (call $new (i32.add (local.get $size) (i32.const 1))) (i32.gt_u (local.get $align) (i32.const 1))))
(func $job-pause (param $request i32) (result i32)
  (call $say-done))
