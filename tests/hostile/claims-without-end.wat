;; Claims what is due and gives it back at once, so that it is due again: it is polled without end.
(func $poll (param $limit i32) (result i32)
  (local $answer i32) (local $claim i32) (local $left i32) (local $unit i32) (local $n i32) (local $write i32)
  (local.set $answer (call $new (i32.const {sizeof claim-due()})))
  (call $claim-due (local.get $limit) (local.get $answer))
  (if (i32.load8_u (local.get $answer)) (then unreachable))
  (local.set $claim (i32.load offset={claim-due()?} (local.get $answer)))
  (local.set $left (i32.load offset={claim-due()?+4} (local.get $answer)))
  (block $none
    (br_if $none (i32.eqz (local.get $left)))
    (local.set $unit (call $unit (i32.const 0) (local.get $left)))
    (loop $next
      (local.set $write (call $write (local.get $unit) (local.get $n)))
      (i32.store8 (local.get $write) (i32.const {write.release}))
      (call $copy
        (i32.add (local.get $write) (i32.const {write<release>.job}))
        (i32.add (local.get $claim) (i32.const {claim.job.id})))
      (i64.store offset={write<release>.token} (local.get $write) (i64.load offset={claim.token} (local.get $claim)))
      (local.set $claim (i32.add (local.get $claim) (i32.const {sizeof claim})))
      (local.set $n (i32.add (local.get $n) (i32.const 1)))
      (br_if $next (i32.lt_u (local.get $n) (local.get $left))))
    (drop (call $commits (local.get $unit) (i32.const 1))))
  (call $new (i32.const {sizeof poll()})))
