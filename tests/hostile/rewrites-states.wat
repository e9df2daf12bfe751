;; Writes the state of a job again and again, without end: six units of 590 writes a call.
;; The guard holds as long as the job was never claimed.
(func $job-pause (param $request i32) (result i32)
  (local $units i32) (local $unit i32) (local $write i32) (local $n i32) (local $answer i32)
  (local.set $unit (call $unit (i32.const 1) (i32.const 590)))
  (call $guard-claim (call $guard (local.get $unit) (i32.const 0))
    (i32.add (local.get $request) (i32.const {job-pause(request).job-id})) (i64.const 0))
  (loop $next-write
    (local.set $write (call $write (local.get $unit) (local.get $n)))
    (i32.store8 (local.get $write) (i32.const {write.update-job}))
    (call $copy (i32.add (local.get $write) (i32.const {write<update-job>.id}))
      (i32.add (local.get $request) (i32.const {job-pause(request).job-id})))
    (local.set $n (i32.add (local.get $n) (i32.const 1)))
    (br_if $next-write (i32.lt_u (local.get $n) (i32.const 590))))
  (local.set $units (call $new (i32.mul (i32.const 6) (i32.const {sizeof unit}))))
  (local.set $n (i32.const 0))
  (loop $next-unit
    (memory.copy
      (i32.add (local.get $units) (i32.mul (local.get $n) (i32.const {sizeof unit})))
      (local.get $unit) (i32.const {sizeof unit}))
    (local.set $n (i32.add (local.get $n) (i32.const 1)))
    (br_if $next-unit (i32.lt_u (local.get $n) (i32.const 6))))
  (local.set $answer (call $new (i32.const {sizeof commit()})))
  (loop $again
    (call $commit (local.get $units) (i32.const 6) (local.get $answer))
    (br_if $again (i32.eqz (i32.load8_u (i32.load offset={commit()?} (local.get $answer))))))
  (call $say-commit (local.get $answer)))
