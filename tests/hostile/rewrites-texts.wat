;; Writes the longest texts again and again, without end: six units a call, each with as many
;; payloads of 32 KiB as a unit may hold. The guard holds as long as the job was never
;; claimed.
(func $job-pause (param $request i32) (result i32)
  (local $units i32) (local $unit i32) (local $write i32) (local $n i32) (local $m i32) (local $words i32)
  ;; "abc abd abe …": words that differ, so that there is something to index.
  (local.set $words (call $new (i32.const 32768)))
  (loop $word
    (i32.store (i32.add (local.get $words) (i32.mul (local.get $n) (i32.const 4)))
      (i32.or (i32.const 0x20000061)
        (i32.add
          (i32.shl (i32.add (i32.const 0x61) (i32.rem_u (local.get $n) (i32.const 26))) (i32.const 8))
          (i32.shl (i32.add (i32.const 0x61) (i32.rem_u (i32.div_u (local.get $n) (i32.const 26)) (i32.const 26)))
            (i32.const 16)))))
    (local.set $n (i32.add (local.get $n) (i32.const 1)))
    (br_if $word (i32.lt_u (local.get $n) (i32.const 8192))))
  (local.set $units (call $new (i32.mul (i32.const 6) (i32.const {sizeof unit}))))
  (local.set $n (i32.const 0))
  (loop $next-unit
    (local.set $unit (call $unit (i32.const 1) (i32.const 8)))
    (call $guard-claim (call $guard (local.get $unit) (i32.const 0))
      (i32.add (local.get $request) (i32.const {job-pause(request).job-id})) (i64.const 0))
    (local.set $m (i32.const 0))
    (loop $next-write
      (local.set $write (call $write (local.get $unit) (local.get $m)))
      (i32.store8 (local.get $write) (i32.const {write.update-job}))
      (call $copy (i32.add (local.get $write) (i32.const {write<update-job>.id}))
        (i32.add (local.get $request) (i32.const {job-pause(request).job-id})))
      (i32.store8 offset={write<update-job>.spec} (local.get $write) (i32.const 1))
      (i32.store offset={write<update-job>.spec?.title} (local.get $write) (local.get $words))
      (i32.store offset={write<update-job>.spec?.title+4} (local.get $write) (i32.const 200))
      (i32.store offset={write<update-job>.spec?.payload} (local.get $write) (local.get $words))
      (i32.store offset={write<update-job>.spec?.payload+4} (local.get $write) (i32.const 32768))
      (local.set $m (i32.add (local.get $m) (i32.const 1)))
      (br_if $next-write (i32.lt_u (local.get $m) (i32.const 8))))
    (memory.copy
      (i32.add (local.get $units) (i32.mul (local.get $n) (i32.const {sizeof unit})))
      (local.get $unit) (i32.const {sizeof unit}))
    (local.set $n (i32.add (local.get $n) (i32.const 1)))
    (br_if $next-unit (i32.lt_u (local.get $n) (i32.const 6))))
  (local.set $m (call $new (i32.const {sizeof commit()})))
  (loop $again
    (call $commit (local.get $units) (i32.const 6) (local.get $m))
    (br_if $again (i32.eqz (i32.load8_u (i32.load offset={commit()?} (local.get $m))))))
  (call $say-commit (local.get $m)))
