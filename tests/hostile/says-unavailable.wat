;; Says that storage does not answer, which it never asked.
(func $poll (param $limit i32) (result i32)
  (local $answer i32)
  (local.set $answer (call $new (i32.const {sizeof poll()})))
  (i32.store8 (local.get $answer) (i32.const 1))
  (i32.store8 offset={poll()!} (local.get $answer) (i32.const {runner-error.unavailable}))
  (i32.store offset={poll()!<unavailable>} (local.get $answer) (i32.const 0x100))
  (i32.store offset={poll()!<unavailable>+4} (local.get $answer) (i32.const 4))
  (local.get $answer))
