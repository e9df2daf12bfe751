;; Asks for the largest page of all its tenant's jobs, without end.
(func $job-pause (param $request i32) (result i32)
  (local $which i32) (local $answer i32) (local $free i32)
  (local.set $which (call $new (i32.const 256)))
  (i32.store offset={find-jobs(page).limit} (local.get $which) (i32.const 1000))
  (local.set $answer (call $new (i32.const {sizeof find-jobs()})))
  (local.set $free (global.get $free))
  (loop $again
    (global.set $free (local.get $free))
    (call $find-jobs (local.get $which) (local.get $answer))
    (br_if $again (i32.eqz (i32.load8_u (local.get $answer)))))
  unreachable)
