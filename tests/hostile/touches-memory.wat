;; Takes all the memory that it may have and writes into every page of it, so that the machine has
;; to hand out each and take it back.
(func $job-pause (param $request i32) (result i32)
  (local $at i32)
  (loop $more
    (br_if $more (i32.ge_s (memory.grow (i32.const 16)) (i32.const 0))))
  (local.set $at (i32.const 0x40000))
  (loop $next
    (i32.store (local.get $at) (i32.const 1))
    (local.set $at (i32.add (local.get $at) (i32.const 4096)))
    (br_if $next (i32.lt_u (local.get $at) (i32.shl (memory.size) (i32.const 16)))))
  (call $say-done))
