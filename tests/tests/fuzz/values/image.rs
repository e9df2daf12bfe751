//! An image of a guest's memory with values as the canonical ABI writes them, made up by bytes: of
//! the right shape, but with words that are none, texts that are no UTF-8, and lists that lie
//! outside of memory or claim to be longer than it.

use wit_parser::abi::AbiVariant;
use wit_parser::{Function, Int, SizeAlign, Type, TypeDefKind};

use super::guest::{
    ANSWER_AT, CALL_AT, CALL_BYTES, CALLS_AT, CALLS_MAX, Contract, FREE_AT, IMAGE, IMAGE_BYTES, LIE_AT,
    LIES_AT,
};
use super::shape::{cases, width};
use crate::bytes::Bytes;

/// Ids and words that mean something to storage.
const TEXTS: [&str; 14] = [
    "a",
    "b",
    "c",
    "r1",
    "r2",
    "m1",
    "",
    "agent",
    "ada",
    "0",
    "UTC",
    "0 9 * * *",
    "every day",
    "🦀",
];

/// Entries of a list that does not lie.
const ENTRIES_MAX: usize = 4;

pub(crate) struct Image<'a, 'b> {
    contract: &'a Contract,
    sizes: SizeAlign,
    memory: Vec<u8>,
    free: usize,
    bytes: Bytes<'b>,
    /// Of 16: how many words are not what they should be.
    lies: u8,
}

/// An image that lets `export` call a few imports and answer.
pub(crate) fn image(contract: &Contract, export: &Function, bytes: Bytes<'_>) -> Vec<u8> {
    let mut sizes = SizeAlign::default();
    sizes.fill(&contract.resolve);
    let mut image = Image {
        contract,
        sizes,
        memory: vec![0; IMAGE_BYTES],
        free: FREE_AT,
        bytes,
        lies: 0,
    };
    image.lies = *image.bytes.pick(&[0, 0, 1, 4]);
    let calls = image.bytes.below(CALLS_MAX + 1);
    image.word(CALLS_AT, calls as u32);
    for call in 0..calls {
        let import = image.bytes.below(contract.imports.len());
        image.call(CALL_AT + call * CALL_BYTES, import);
    }
    let answer = export.result.as_ref().map_or(0, |result| image.boxed(result));
    let answer = image.or_a_lie(answer);
    image.word(ANSWER_AT, answer);
    if image.lies > 0 && image.bytes.chance(1) {
        let lie = image.bytes.number() as u32;
        image.word(LIES_AT, 1);
        image.word(LIE_AT, lie);
    }
    image.memory
}

impl Image<'_, '_> {
    /// Writes at a place of the image; what lies outside of it is left out.
    fn put(&mut self, at: usize, value: &[u8]) {
        if let Some(place) = self.memory.get_mut(at..at + value.len()) {
            place.copy_from_slice(value);
        }
    }

    fn word(&mut self, at: usize, value: u32) {
        self.put(at, &value.to_le_bytes());
    }

    /// Room for so many bytes. Where there is none, the end of the image.
    fn room(&mut self, bytes: usize, align: usize) -> usize {
        let at = self.free.next_multiple_of(align.max(1)).min(IMAGE_BYTES);
        self.free = (at + bytes).min(IMAGE_BYTES);
        at
    }

    fn or_a_lie(&mut self, word: u32) -> u32 {
        if self.bytes.chance(self.lies) {
            self.bytes.number() as u32
        } else {
            word
        }
    }

    /// The address of a new value.
    fn boxed(&mut self, kind: &Type) -> u32 {
        let at = self.room(
            self.sizes.size(kind).size_wasm32(),
            self.sizes.align(kind).align_wasm32(),
        );
        self.store(kind, at);
        IMAGE + at as u32
    }

    fn text(&mut self) -> (u32, u32) {
        let text = if self.bytes.chance(6) {
            let length = self.bytes.below(24);
            (0..length).map(|_| self.bytes.byte()).collect()
        } else {
            self.bytes.pick::<&str>(&TEXTS).as_bytes().to_vec()
        };
        let at = self.room(text.len(), 1);
        self.put(at, &text);
        let length = self.or_a_lie(text.len() as u32);
        (self.or_a_lie(IMAGE + at as u32), length)
    }

    fn list(&mut self, entry: &Type) -> (u32, u32) {
        let size = self.sizes.size(entry).size_wasm32();
        let count = self.bytes.below(ENTRIES_MAX);
        let at = self.room(size * count, self.sizes.align(entry).align_wasm32());
        for place in 0..count {
            self.store(entry, at + place * size);
        }
        let count = self.or_a_lie(count as u32);
        (self.or_a_lie(IMAGE + at as u32), count)
    }

    /// Which of so many cases.
    fn case(&mut self, cases: usize) -> (usize, u32) {
        let case = self.bytes.below(cases);
        (case, self.or_a_lie(case as u32))
    }

    /// The bits of a number of any type.
    fn number(&mut self, kind: &Type) -> u64 {
        match kind {
            Type::Bool => u64::from(self.bytes.byte() % 2),
            Type::F64 => self.bytes.float().to_bits(),
            Type::F32 => u64::from((self.bytes.float() as f32).to_bits()),
            _ => self.bytes.number(),
        }
    }

    /// Writes a value of a type.
    fn store(&mut self, kind: &Type, at: usize) {
        let Type::Id(id) = kind else {
            if *kind == Type::String {
                let (address, length) = self.text();
                self.word(at, address);
                self.word(at + 4, length);
            } else {
                let bits = self.number(kind).to_le_bytes();
                self.put(at, &bits[..self.sizes.size(kind).size_wasm32()]);
            }
            return;
        };
        let contract = self.contract;
        match &contract.resolve.types[*id].kind {
            TypeDefKind::Type(inner) => self.store(inner, at),
            TypeDefKind::List(entry) => {
                let (address, length) = self.list(entry);
                self.word(at, address);
                self.word(at + 4, length);
            }
            TypeDefKind::Record(record) => {
                let fields = record.fields.iter().map(|field| &field.ty);
                for (offset, field) in self.sizes.field_offsets(fields) {
                    self.store(field, at + offset.size_wasm32());
                }
            }
            TypeDefKind::Enum(of) => {
                let (_, word) = self.case(of.cases.len());
                self.tag(of.tag(), at, word);
            }
            other => {
                let (tag, cases) = cases(other);
                let (case, word) = self.case(cases.len());
                self.tag(tag, at, word);
                let offset = self
                    .sizes
                    .payload_offset(tag, cases.iter().map(Option::as_ref))
                    .size_wasm32();
                if let Some(payload) = &cases[case] {
                    self.store(payload, at + offset);
                }
            }
        }
    }

    fn tag(&mut self, tag: Int, at: usize, word: u32) {
        let bytes = word.to_le_bytes();
        match tag {
            Int::U8 => self.put(at, &bytes[..1]),
            Int::U16 => self.put(at, &bytes[..2]),
            Int::U32 | Int::U64 => self.put(at, &bytes),
        }
    }

    /// The flat values of one parameter.
    fn flat(&mut self, kind: &Type, into: &mut Vec<u64>) {
        let Type::Id(id) = kind else {
            if *kind == Type::String {
                let (address, length) = self.text();
                into.extend([u64::from(address), u64::from(length)]);
            } else {
                into.push(self.number(kind));
            }
            return;
        };
        let contract = self.contract;
        match &contract.resolve.types[*id].kind {
            TypeDefKind::Type(inner) => self.flat(inner, into),
            TypeDefKind::List(entry) => {
                let (address, length) = self.list(entry);
                into.extend([u64::from(address), u64::from(length)]);
            }
            TypeDefKind::Record(record) => record.fields.iter().for_each(|field| self.flat(&field.ty, into)),
            TypeDefKind::Enum(of) => {
                let (_, word) = self.case(of.cases.len());
                into.push(u64::from(word));
            }
            other => {
                let (_, cases) = cases(other);
                let (case, word) = self.case(cases.len());
                into.push(u64::from(word));
                let width = cases
                    .iter()
                    .flatten()
                    .map(|kind| width(contract, kind))
                    .max()
                    .unwrap_or(0);
                let end = into.len() + width;
                if let Some(payload) = &cases[case] {
                    self.flat(payload, into);
                }
                into.resize(end, 0);
            }
        }
    }

    /// One call of an import: which, and its parameters.
    fn call(&mut self, at: usize, import: usize) {
        let contract = self.contract;
        let function = &contract.imports[import].function;
        let signature = contract.resolve.wasm_signature(AbiVariant::GuestImport, function);
        self.word(at, import as u32);
        let mut flat = Vec::new();
        if signature.indirect_params {
            let parameters = self
                .sizes
                .params(function.params.iter().map(|parameter| &parameter.ty));
            let place = self.room(parameters.size.size_wasm32(), parameters.align.align_wasm32());
            let kinds = function.params.iter().map(|parameter| &parameter.ty);
            for (offset, kind) in self.sizes.field_offsets(kinds) {
                self.store(kind, place + offset.size_wasm32());
            }
            flat.push(u64::from(IMAGE) + place as u64);
        } else {
            for parameter in &function.params {
                self.flat(&parameter.ty, &mut flat);
            }
        }
        if signature.retptr {
            let size = function
                .result
                .map_or(0, |result| self.sizes.size(&result).size_wasm32());
            let room = self.room(size, 8) as u32;
            let room = self.or_a_lie(IMAGE + room);
            flat.push(u64::from(room));
        }
        assert_eq!(flat.len(), signature.params.len(), "{}", function.name);
        for (place, value) in flat.into_iter().enumerate() {
            self.put(at + 8 + 8 * place, &value.to_le_bytes());
        }
    }
}
