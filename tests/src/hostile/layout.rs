//! Where the fields of the contract's records lie in memory, so that a hostile guest can be written
//! by hand: `{run.token}` in its text is the offset of a run's token.
//!
//! A place begins with a type (`run`), the result of a function (`commit()`) or a parameter of a
//! function that takes them in memory (`job-pause(request)`). It goes on with fields (`.token`),
//! into an option or the good end of a result (`?`), into its bad end (`!`), into a case of a
//! variant (`<insert-run>`) or an element of a list (`[]`, where offsets begin anew). A number is
//! added with `+4`. `{write.insert-run}`, a case or a word, is its number; `{sizeof run}` a size.

use std::collections::HashMap;
use std::path::Path;

use wit_parser::{
    Function, FunctionKind, Int, Resolve, Result_, SizeAlign, Type, TypeDef, TypeDefKind, WorldId, WorldItem,
    WorldKey,
};

/// The contract, and the layout of its types.
pub struct Layout {
    pub resolve: Resolve,
    pub world: WorldId,
    sizes: SizeAlign,
    types: HashMap<String, Type>,
    functions: HashMap<String, Function>,
}

/// A function of an interface that the world imports or exports.
pub struct Named<'a> {
    /// As core modules name it.
    pub interface: String,
    pub function: &'a Function,
}

impl Layout {
    /// Reads `wit/`.
    #[must_use]
    pub fn of_the_contract() -> Self {
        let mut resolve = Resolve::default();
        let wit = Path::new(env!("CARGO_MANIFEST_DIR")).join("../wit");
        let (package, _) = resolve.push_dir(&wit).unwrap();
        let world = resolve.select_world(&[package], Some("jobs")).unwrap();
        let mut sizes = SizeAlign::default();
        sizes.fill(&resolve);
        let mut types = HashMap::new();
        let mut functions = HashMap::new();
        for (_, interface) in resolve.interfaces.iter() {
            for (name, id) in &interface.types {
                types.insert(name.clone(), Type::Id(*id));
            }
            for (name, function) in &interface.functions {
                functions.insert(name.clone(), function.clone());
            }
        }
        Self {
            resolve,
            world,
            sizes,
            types,
            functions,
        }
    }

    /// The functions that a component may call.
    pub fn imports(&self) -> impl Iterator<Item = Named<'_>> {
        self.functions(&self.resolve.worlds[self.world].imports)
    }

    /// The functions that a component offers.
    pub fn exports(&self) -> impl Iterator<Item = Named<'_>> {
        self.functions(&self.resolve.worlds[self.world].exports)
    }

    fn functions<'a>(
        &'a self,
        items: impl IntoIterator<Item = (&'a WorldKey, &'a WorldItem)>,
    ) -> impl Iterator<Item = Named<'a>> {
        items.into_iter().flat_map(|(key, item)| {
            let WorldItem::Interface { id, .. } = item else {
                panic!("the world has interfaces only");
            };
            let functions = self.resolve.interfaces[*id].functions.values();
            functions.map(|function| {
                assert!(matches!(function.kind, FunctionKind::Freestanding));
                Named {
                    interface: self.resolve.name_world_key(key),
                    function,
                }
            })
        })
    }

    /// Fills in every `{place}` of a text.
    #[must_use]
    pub fn fill(&self, text: &str) -> String {
        let mut filled = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(at) = rest.find('{') {
            let end = at + rest[at..].find('}').expect("a place ends with }");
            filled.push_str(&rest[..at]);
            filled.push_str(&self.number(&rest[at + 1..end]).to_string());
            rest = &rest[end + 1..];
        }
        filled + rest
    }

    fn number(&self, place: &str) -> usize {
        let (place, more) = match place.rsplit_once('+') {
            Some((place, more)) => (place, more.parse().unwrap()),
            None => (place, 0),
        };
        match place.strip_prefix("sizeof ") {
            Some(of) => self.size(&self.walk(of).1),
            None => self.walk(place).0 + more,
        }
    }

    fn size(&self, of: &Type) -> usize {
        self.sizes.size(of).size_wasm32()
    }

    /// The offset of a place, or the number of a case, and the type that is there.
    fn walk(&self, place: &str) -> (usize, Type) {
        let end = place.find(['.', '?', '!', '<', '[']).unwrap_or(place.len());
        let (mut offset, mut at) = self.root(&place[..end]);
        let mut steps = &place[end..];
        while let Some(step) = steps.chars().next() {
            let name_end = steps[1..]
                .find(['.', '?', '!', '<', '['])
                .map_or(steps.len(), |at| at + 1);
            let name = steps[1..name_end].trim_end_matches(['>', ']']);
            let (further, inside) = self.step(&at, step, name);
            offset = if step == '[' { 0 } else { offset + further };
            at = inside;
            steps = &steps[name_end..];
        }
        (offset, at)
    }

    fn root(&self, name: &str) -> (usize, Type) {
        let Some((function, parameter)) = name.split_once('(') else {
            return (
                0,
                *self.types.get(name).unwrap_or_else(|| panic!("no type {name}")),
            );
        };
        let function = &self.functions[function];
        let parameter = parameter.trim_end_matches(')');
        if parameter.is_empty() {
            return (0, function.result.expect("it has a result"));
        }
        let at = function.params.iter().position(|it| it.name == parameter);
        let types = function.params.iter().map(|it| &it.ty);
        let (offset, of) = self.sizes.field_offsets(types)[at.expect("it has this parameter")];
        (offset.size_wasm32(), *of)
    }

    fn definition(&self, of: &Type) -> &TypeDef {
        let Type::Id(id) = of else {
            panic!("nothing is inside {of:?}")
        };
        let definition = &self.resolve.types[*id];
        match &definition.kind {
            TypeDefKind::Type(other) => self.definition(other),
            _ => definition,
        }
    }

    fn step(&self, of: &Type, step: char, name: &str) -> (usize, Type) {
        let payload = |tag: Int, cases: &[Option<Type>]| {
            let cases = cases.iter().map(Option::as_ref);
            self.sizes.payload_offset(tag, cases).size_wasm32()
        };
        match (&self.definition(of).kind, step) {
            (TypeDefKind::Record(record), '.') => {
                let at = record.fields.iter().position(|field| field.name == name);
                let at = at.unwrap_or_else(|| panic!("no field {name}"));
                let offsets = self
                    .sizes
                    .field_offsets(record.fields.iter().map(|field| &field.ty));
                (offsets[at].0.size_wasm32(), record.fields[at].ty)
            }
            (TypeDefKind::Variant(variant), '.') => {
                let at = variant.cases.iter().position(|case| case.name == name);
                (at.unwrap_or_else(|| panic!("no case {name}")), Type::U8)
            }
            (TypeDefKind::Enum(words), '.') => {
                let at = words.cases.iter().position(|case| case.name == name);
                (at.unwrap_or_else(|| panic!("no word {name}")), Type::U8)
            }
            (TypeDefKind::Variant(variant), '<') => {
                let case = variant.cases.iter().find(|case| case.name == name);
                let types: Vec<_> = variant.cases.iter().map(|case| case.ty).collect();
                let inside = case.and_then(|case| case.ty).expect("the case holds something");
                (payload(variant.tag(), &types), inside)
            }
            (TypeDefKind::Option(inside), '?') => (payload(Int::U8, &[None, Some(*inside)]), *inside),
            (TypeDefKind::Result(Result_ { ok, err }), '?' | '!') => {
                let inside = if step == '?' { ok } else { err };
                (
                    payload(Int::U8, &[*ok, *err]),
                    inside.expect("this end holds something"),
                )
            }
            (TypeDefKind::List(inside), '[') => (0, *inside),
            (other, _) => panic!("{step} leads nowhere in {other:?}"),
        }
    }
}
