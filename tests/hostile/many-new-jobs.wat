;; Creates more jobs in one unit than are indexed in one go.
(func $job-pause (param $request i32) (result i32)
  (call $say-commit (call $commits (call $unit (i32.const 0) (i32.const 201)) (i32.const 1))))
