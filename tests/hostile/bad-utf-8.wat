;; Answers with a text that is no text.
(data (i32.const 0x800) "no\fftext")
(func $job-pause (param $request i32) (result i32)
  (call $say (i32.const {error-code.conflict}) (i32.const 0x800) (i32.const 7)))
