//! What compiling a component can cost, known before it begins.

use wasmparser::{CompositeInnerType, Encoding, FunctionBody, Operator, Parser, Payload, TypeSectionReader};

use super::components::RefusedComponent;
use crate::component::LoadError;
use crate::limits;

/// What the functions of a component come to.
#[derive(Default)]
struct Code {
    functions: u64,
    bytes: u64,
    merges: u64,
}

/// What one function comes to.
struct Function {
    bytes: u64,
    locals: u64,
    loops_deep: u64,
    /// Places where ways through the function part or meet, each as often as there are locals, and
    /// some more: the compiler has to know of each local what it is there.
    merges: u64,
}

/// Bounds what compiling can cost before it begins: a compiler's time is not linear in the size of
/// one function. Each bound is far from what compilers make of programs written by people.
pub(super) fn check(bytes: &[u8]) -> Result<(), RefusedComponent> {
    let mut code = Code::default();
    let mut around: Vec<Encoding> = Vec::new();
    for payload in Parser::new(0).parse_all(bytes) {
        let body = match payload.map_err(invalid)? {
            Payload::Version { encoding, .. } => {
                // What calls between components of a component would copy between their memories.
                if encoding == Encoding::Module && around.len() > 1 {
                    return complex("the component has a component with code of its own inside of it");
                }
                around.push(encoding);
                continue;
            }
            Payload::End(_) => {
                around.pop();
                continue;
            }
            Payload::TypeSection(types) => {
                values(types)?;
                continue;
            }
            Payload::CodeSectionEntry(body) => body,
            _ => continue,
        };
        let function = measured(&body)?;
        code.functions += 1;
        code.bytes += function.bytes;
        code.merges += function.merges;
        let bounds = [
            (
                "bytes in one function",
                function.bytes,
                limits::COMPONENT_FUNCTION_BYTES_MAX,
            ),
            (
                "locals in one function",
                function.locals,
                limits::COMPONENT_FUNCTION_LOCALS_MAX,
            ),
            (
                "loops inside of each other",
                function.loops_deep,
                limits::COMPONENT_LOOPS_DEEP_MAX,
            ),
            ("functions", code.functions, limits::COMPONENT_FUNCTIONS_MAX),
            ("bytes of code", code.bytes, limits::COMPONENT_CODE_BYTES_MAX),
            (
                "branches times locals in all functions",
                code.merges,
                limits::COMPONENT_MERGES_MAX,
            ),
        ];
        for (what, count, most) in bounds {
            if count > most {
                return complex(&format!(
                    "the component has {count} {what} or more, at most {most} are taken"
                ));
            }
        }
    }
    Ok(())
}

fn complex(what: &str) -> Result<(), RefusedComponent> {
    Err(RefusedComponent::TooComplex(what.to_owned()))
}

/// Bounds what one short instruction, a call or a branch, can bring about.
fn values(types: TypeSectionReader<'_>) -> Result<(), RefusedComponent> {
    for group in types {
        for of_type in group.map_err(invalid)?.into_types() {
            let CompositeInnerType::Func(function) = of_type.composite_type.inner else {
                continue;
            };
            let (params, results) = (function.params().len(), function.results().len());
            if params > limits::COMPONENT_PARAMS_MAX || results > limits::COMPONENT_RESULTS_MAX {
                return complex(&format!(
                    "a function of the component has {params} parameters and {results} results, at most {} and {} \
                     are taken",
                    limits::COMPONENT_PARAMS_MAX,
                    limits::COMPONENT_RESULTS_MAX
                ));
            }
        }
    }
    Ok(())
}

fn measured(body: &FunctionBody<'_>) -> Result<Function, RefusedComponent> {
    let mut locals = 0_u64;
    for group in body.get_locals_reader().map_err(invalid)? {
        let (count, _) = group.map_err(invalid)?;
        locals += u64::from(count);
    }
    let bytes = body.range().len() as u64;
    let mut function = Function {
        bytes,
        locals,
        loops_deep: 0,
        merges: 0,
    };
    if bytes > limits::COMPONENT_FUNCTION_BYTES_MAX {
        // It is refused: nobody needs to read it.
        return Ok(function);
    }
    // Which of the blocks around are loops.
    let mut around: Vec<bool> = Vec::new();
    let mut loops_deep = 0;
    let mut branches = 0_u64;
    for operator in body.get_operators_reader().map_err(invalid)? {
        match operator.map_err(invalid)? {
            Operator::Loop { .. } => {
                around.push(true);
                loops_deep += 1;
                function.loops_deep = function.loops_deep.max(loops_deep);
                branches += 1;
            }
            Operator::Block { .. } | Operator::If { .. } => {
                around.push(false);
                branches += 1;
            }
            Operator::End => loops_deep -= u64::from(around.pop().unwrap_or(false)),
            Operator::Else | Operator::Br { .. } | Operator::BrIf { .. } => branches += 1,
            Operator::BrTable { targets } => branches += u64::from(targets.len()) + 1,
            _ => {}
        }
    }
    function.merges = branches.saturating_mul(locals + limits::COMPONENT_MERGE_LEAST);
    Ok(function)
}

fn invalid(error: wasmparser::BinaryReaderError) -> RefusedComponent {
    LoadError::Invalid(error.to_string()).into()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::check;
    use crate::limits;

    #[test]
    fn the_embedded_component_is_well_within_the_bounds() {
        check(crate::COMPONENT).unwrap();
        assert!(crate::COMPONENT.len() * 2 < limits::COMPONENT_BYTES_MAX);
    }

    #[test]
    fn what_would_compile_for_long_is_refused_before() {
        let times = |text: &str, count: u64| text.repeat(usize::try_from(count).unwrap());
        let one = |body: String| format!("(component (core module (func {body})))");
        let locals = |count| format!("(local {})", times("i32 ", count));
        let branchy = |count| times("(block br 0)", count);
        let large = format!(
            "(func {})",
            times("nop ", limits::COMPONENT_FUNCTION_BYTES_MAX - 100)
        );
        let merges = limits::COMPONENT_MERGES_MAX / 2 / limits::COMPONENT_FUNCTION_LOCALS_MAX + 1;
        for (wat, word) in [
            (
                one(times("nop ", limits::COMPONENT_FUNCTION_BYTES_MAX)),
                "bytes in one function",
            ),
            (
                one(locals(limits::COMPONENT_FUNCTION_LOCALS_MAX + 1)),
                "locals in one function",
            ),
            (
                one(times("loop ", limits::COMPONENT_LOOPS_DEEP_MAX + 1)
                    + &times("end ", limits::COMPONENT_LOOPS_DEEP_MAX + 1)),
                "loops inside",
            ),
            (
                format!(
                    "(component (core module {}))",
                    times("(func)", limits::COMPONENT_FUNCTIONS_MAX + 1)
                ),
                "functions",
            ),
            (
                format!(
                    "(component (core module {}))",
                    times(
                        &large,
                        limits::COMPONENT_CODE_BYTES_MAX / (limits::COMPONENT_FUNCTION_BYTES_MAX - 100) + 1
                    )
                ),
                "bytes of code",
            ),
            (
                format!(
                    "(component (core module (type (func (result {})))))",
                    times("i32 ", 9)
                ),
                "0 parameters and 9 results",
            ),
            (
                "(component (component (core module)))".to_owned(),
                "a component with code of its own inside of it",
            ),
            (
                one(locals(limits::COMPONENT_FUNCTION_LOCALS_MAX) + &branchy(merges)),
                "branches times locals",
            ),
        ] {
            let error = check(&wat::parse_str(wat).unwrap()).unwrap_err().to_string();
            assert!(error.contains(word), "{word}: {error}");
        }
    }
}
