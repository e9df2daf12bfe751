;; Commits five units, none of them too large, of more writes together than a commit may have. Their
;; writes are the same ones.
(func $job-pause (param $request i32) (result i32)
  (local $one i32) (local $units i32) (local $n i32)
  (local.set $one (call $unit (i32.const 0) (i32.const 801)))
  (local.set $units (call $new (i32.mul (i32.const 5) (i32.const {sizeof unit}))))
  (loop $next
    (memory.copy
      (i32.add (local.get $units) (i32.mul (local.get $n) (i32.const {sizeof unit})))
      (local.get $one)
      (i32.const {sizeof unit}))
    (local.set $n (i32.add (local.get $n) (i32.const 1)))
    (br_if $next (i32.lt_u (local.get $n) (i32.const 5))))
  (call $say-commit (call $commits (local.get $units) (i32.const 5))))
