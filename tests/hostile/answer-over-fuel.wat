;; Answers with a text that is one byte longer than what the host takes.
(memory (export "memory") 80)
(func $job-pause (param $request i32) (result i32)
  (call $say (i32.const {error-code.conflict}) (i32.const 0) (i32.const 0x400001)))
