;; Fails as a panic does.
(func $job-pause (param $request i32) (result i32)
  unreachable)
