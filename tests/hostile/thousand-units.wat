;; Commits a thousand units and one.
(func $job-pause (param $request i32) (result i32)
  (call $say-commit (call $commits
    (call $new (i32.mul (i32.const 1001) (i32.const {sizeof unit}))) (i32.const 1001))))
