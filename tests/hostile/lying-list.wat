;; Hands the host a list that says it has 256 million entries.
(func $job-pause (param $request i32) (result i32)
  (call $get-jobs (i32.const 0) (i32.const 0x10000000) (call $new (i32.const {sizeof get-jobs()})))
  (call $say-done))
