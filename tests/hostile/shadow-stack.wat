;; Calls itself with large frames on a stack in memory, as compilers make it, beyond its end.
(global $stack (mut i32) (i32.const 0x20000))
(func $deeper
  (global.set $stack (i32.sub (global.get $stack) (i32.const 0x4000)))
  (i64.store (global.get $stack) (i64.const 0))
  (call $deeper))
(func $job-pause (param $request i32) (result i32)
  (call $deeper)
  unreachable)
