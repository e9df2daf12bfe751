(memory (export "memory") 4)

;; Memory that was never used before, so all of it is zero: in the contract's records that is empty,
;; none, or the first word.
(func $realloc (export "cabi_realloc") (param $old i32) (param $old_size i32) (param $align i32) (param $size i32) (result i32)
  (call $new (local.get $size)))

(global $free (mut i32) (i32.const 0x20000))
(func $new (param $size i32) (result i32)
  (local $at i32)
  (local.set $at (i32.and (i32.add (global.get $free) (i32.const 15)) (i32.const -16)))
  (global.set $free (i32.add (local.get $at) (local.get $size)))
  (block $fits
    (br_if $fits (i32.le_u (global.get $free) (i32.shl (memory.size) (i32.const 16))))
    (br_if $fits (i32.ge_s
      (memory.grow (i32.add (i32.shr_u (local.get $size) (i32.const 16)) (i32.const 1)))
      (i32.const 0)))
    unreachable)
  (local.get $at))

;; Copies a string, or anything else that is an address and a length.
(func $copy (param $to i32) (param $from i32)
  (i64.store (local.get $to) (i64.load (local.get $from))))

;; A tool error with this text, as the answer of a tool.
(func $say (param $code i32) (param $text i32) (param $length i32) (result i32)
  (local $answer i32)
  (local.set $answer (call $new (i32.const {sizeof job-pause()})))
  (i32.store8 (local.get $answer) (i32.const 1))
  (i32.store8 offset={job-pause()!.code} (local.get $answer) (local.get $code))
  (i32.store offset={job-pause()!.message} (local.get $answer) (local.get $text))
  (i32.store offset={job-pause()!.message+4} (local.get $answer) (local.get $length))
  (local.get $answer))

(data (i32.const 0x100) "done")
(func $say-done (result i32)
  (call $say (i32.const {error-code.conflict}) (i32.const 0x100) (i32.const 4)))

(data (i32.const 0x110) "refused")
(func $say-refused (result i32)
  (call $say (i32.const {error-code.conflict}) (i32.const 0x110) (i32.const 7)))

;; A unit with room for some guards and writes.
(func $unit (param $guards i32) (param $writes i32) (result i32)
  (local $unit i32)
  (local.set $unit (call $new (i32.const {sizeof unit})))
  (i32.store offset={unit.guards} (local.get $unit)
    (call $new (i32.mul (local.get $guards) (i32.const {sizeof guard}))))
  (i32.store offset={unit.guards+4} (local.get $unit) (local.get $guards))
  (i32.store offset={unit.writes} (local.get $unit)
    (call $new (i32.mul (local.get $writes) (i32.const {sizeof write}))))
  (i32.store offset={unit.writes+4} (local.get $unit) (local.get $writes))
  (local.get $unit))

(func $guard (param $unit i32) (param $n i32) (result i32)
  (i32.add (i32.load offset={unit.guards} (local.get $unit)) (i32.mul (local.get $n) (i32.const {sizeof guard}))))

(func $write (param $unit i32) (param $n i32) (result i32)
  (i32.add (i32.load offset={unit.writes} (local.get $unit)) (i32.mul (local.get $n) (i32.const {sizeof write}))))

(func $guard-revision (param $guard i32) (param $job i32) (param $revision i64)
  (i32.store8 (local.get $guard) (i32.const {guard.revision}))
  (call $copy (i32.add (local.get $guard) (i32.const {guard<revision>.job})) (local.get $job))
  (i64.store offset={guard<revision>.revision} (local.get $guard) (local.get $revision)))

(func $guard-claim (param $guard i32) (param $job i32) (param $token i64)
  (i32.store8 (local.get $guard) (i32.const {guard.claim}))
  (call $copy (i32.add (local.get $guard) (i32.const {guard<claim>.job})) (local.get $job))
  (i64.store offset={guard<claim>.token} (local.get $guard) (local.get $token)))

;; Commits units that lie one after the other.
(func $commits (param $units i32) (param $count i32) (result i32)
  (local $answer i32)
  (local.set $answer (call $new (i32.const {sizeof commit()})))
  (call $commit (local.get $units) (local.get $count) (local.get $answer))
  (local.get $answer))

(data (i32.const 0x120) "stale")
(data (i32.const 0x130) "duplicate slot")

;; What became of the first unit of a commit, as the answer of a tool: `done`, or why not. What the
;; host forbids or limits is said in its own words.
(func $say-commit (param $answer i32) (result i32)
  (local $first i32) (local $text i32)
  (if (i32.load8_u (local.get $answer))
    (then
      (if (i32.eq (i32.load8_u offset={commit()!} (local.get $answer)) (i32.const {storage-error.bad-cursor}))
        (then unreachable))
      (local.set $text (i32.add (local.get $answer) (i32.const {commit()!<limit-exceeded>})))
      (return (call $say (i32.const {error-code.invalid-argument})
        (i32.load (local.get $text)) (i32.load offset=4 (local.get $text))))))
  (local.set $first (i32.load offset={commit()?} (local.get $answer)))
  (if (i32.eqz (i32.load8_u (local.get $first)))
    (then (return (call $say-done))))
  (if (i32.eq (i32.load8_u offset={commit()?[]!} (local.get $first)) (i32.const {rejection.stale}))
    (then (return (call $say (i32.const {error-code.not-found}) (i32.const 0x120) (i32.const 5)))))
  (if (i32.eq (i32.load8_u offset={commit()?[]!} (local.get $first)) (i32.const {rejection.duplicate-slot}))
    (then (return (call $say (i32.const {error-code.conflict}) (i32.const 0x130) (i32.const 14)))))
  (local.set $text (i32.add (local.get $first) (i32.const {commit()?[]!<forbidden>})))
  (call $say (i32.const {error-code.forbidden}) (i32.load (local.get $text)) (i32.load offset=4 (local.get $text))))
