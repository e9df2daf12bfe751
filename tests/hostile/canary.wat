;; Takes all the memory it may have, looks whether anything was left in it by whoever had it before,
;; and leaves something in every word of it.
(func $clean (param $from i32) (param $to i32) (result i32)
  (local $seen i64)
  (loop $next
    (local.set $seen (i64.or (local.get $seen) (i64.load (local.get $from))))
    (i64.store (local.get $from) (i64.const 0x7972616e61630a21))
    (local.set $from (i32.add (local.get $from) (i32.const 8)))
    (br_if $next (i32.lt_u (local.get $from) (local.get $to))))
  (i64.eqz (local.get $seen)))
(data (i32.const 0x800) "seen")
(func $job-pause (param $request i32) (result i32)
  (local $clean i32)
  (loop $more
    (br_if $more (i32.ge_s (memory.grow (i32.const 1)) (i32.const 0))))
  (local.set $clean (i32.and
    (call $clean (i32.const 0x1000) (i32.const 0x20000))
    (call $clean (i32.const 0x30000) (i32.shl (memory.size) (i32.const 16)))))
  (if (local.get $clean)
    (then (return (call $say-done))))
  (call $say (i32.const {error-code.conflict}) (i32.const 0x800) (i32.const 4)))
;; Twice in one instance: then it sees what it left itself.
(func $job-cancel (param $request i32) (result i32)
  (drop (call $job-pause (local.get $request)))
  (call $job-pause (local.get $request)))
