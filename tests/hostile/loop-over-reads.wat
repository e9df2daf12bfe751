;; Looks for jobs without end: an expensive question.
(func $job-pause (param $request i32) (result i32)
  (local $answer i32)
  (local.set $answer (call $new (i32.const {sizeof find-changes()})))
  (loop $again
    (call $find-changes
      (i32.load offset={job-pause(request).job-id} (local.get $request))
      (i32.load offset={job-pause(request).job-id+4} (local.get $request))
      (i32.const 1000)
      (local.get $answer))
    (br $again))
  unreachable)
