;; Makes a table grow far beyond its limit, and says whether that was refused.
(table $table 1 funcref)
(func $job-pause (param $request i32) (result i32)
  (if (i32.lt_s (table.grow $table (ref.null func) (i32.const 1000000)) (i32.const 0))
    (then (return (call $say-refused))))
  (call $say-done))
