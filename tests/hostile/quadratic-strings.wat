;; Hands the host a thousand strings that are all the same 64 KiB: 64 MiB from very little.
(func $job-pause (param $request i32) (result i32)
  (local $strings i32) (local $n i32)
  (local.set $strings (call $new (i32.const 8000)))
  (loop $next
    (i32.store offset=4
      (i32.add (local.get $strings) (i32.mul (local.get $n) (i32.const 8))) (i32.const 0x10000))
    (local.set $n (i32.add (local.get $n) (i32.const 1)))
    (br_if $next (i32.lt_u (local.get $n) (i32.const 1000))))
  (call $get-jobs (local.get $strings) (i32.const 1000) (call $new (i32.const {sizeof get-jobs()})))
  (call $say-done))
