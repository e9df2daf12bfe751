;; Reads a job by the id of another tenant's, and says whether it got one.
(func $job-pause (param $request i32) (result i32)
  (local $answer i32)
  (local.set $answer (call $new (i32.const {sizeof get-jobs()})))
  (call $get-jobs
    (i32.add (local.get $request) (i32.const {job-pause(request).job-id}))
    (i32.const 1)
    (local.get $answer))
  (if (i32.load8_u (local.get $answer)) (then unreachable))
  (if (i32.load8_u (i32.load offset={get-jobs()?} (local.get $answer)))
    (then (return (call $say-done))))
  (call $say-refused))
