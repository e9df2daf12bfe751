;; Answers at an odd address.
(func $job-pause (param $request i32) (result i32)
  (i32.const 0x801))
