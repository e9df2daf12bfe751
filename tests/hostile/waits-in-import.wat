;; Asks for a job, and goes on when the answer is there.
(func $job-pause (param $request i32) (result i32)
  (call $get-jobs
    (i32.add (local.get $request) (i32.const {job-pause(request).job-id}))
    (i32.const 1)
    (call $new (i32.const {sizeof get-jobs()})))
  (call $say-done))
