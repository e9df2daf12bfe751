;; Two components inside of one, of which one calls the other: the copying in between has two
;; memories, which the compiler was told that nothing has.
(component
  (component $callee
    (core module $m
      (memory (export "memory") 1)
      (func (export "f") (param i32 i32))
      (func (export "realloc") (param i32 i32 i32 i32) (result i32) i32.const 0))
    (core instance $i (instantiate $m))
    (func (export "f") (param "text" string)
      (canon lift (core func $i "f") (memory (core memory $i "memory")) (realloc (core func $i "realloc")))))
  (component $caller
    (import "f" (func $f (param "text" string)))
    (core module $m (memory (export "memory") 1))
    (core instance $i (instantiate $m))
    (core func $g (canon lower (func $f) (memory (core memory $i "memory"))))
    (core module $n (import "" "g" (func (param i32 i32))))
    (core instance (instantiate $n (with "" (instance (export "g" (func $g)))))))
  (instance $a (instantiate $callee))
  (instance $b (instantiate $caller (with "f" (func $a "f")))))
