//! What an author writes means what it means beside the trait, whatever it is called: nothing of what is made of
//! an interface takes its name, and nothing that is called as what is made of it takes that.

#![expect(dead_code, reason = "much of it has only to compile")]

use core::future::Future;

use ipc_abi::interface::{AsyncDispatch, Dispatch, Interface};

/// Whether everything is made of an interface: both dispatchers, for servers of both forms.
fn is_served_by<I, S, A>() -> bool
where
    I: Interface + Dispatch<S> + AsyncDispatch<A>,
{
    !I::NAME.is_empty()
}

/// An interface each of whose kinds of methods has arguments with these names, and a server that adds them.
macro_rules! arguments_called {
    ($test:ident: $($name:ident)*) => {
        mod $test {
            use super::{Future, is_served_by};
            use ipc_abi::interface;
            use ipc_abi::interface::{Batch, CallError, Local, Promise, RingError, RingTransport, Ticket};

            #[interface(version = 1)]
            pub(super) trait Named {
                #[method(1)]
                fn call(&mut self, $($name: u8),*) -> u8;
                #[method(2)]
                fn fail(&mut self, $($name: u8),*) -> Result<(u8, u8), (u8, u8)>;
                #[method(3, one_way)]
                fn note(&mut self, $($name: u8),*);
                #[method(4)]
                fn late(&mut self, $($name: u8,)* last: Promise<Result<u8, u8>>);
                #[method(5)]
                fn list(&mut self, $($name: u8,)* last: &mut Batch<'_, u8>) -> Result<(), u8>;
                #[method(6)]
                fn pairs(&mut self, $($name: (u8, (u8, u8))),*) -> u8;
                #[method(7)]
                fn plain(&mut self, $($name: Option<u8>),*) -> Option<u8>;
                #[method(8)]
                fn items(&mut self, $($name: (u8, Option<u8>),)* last: &mut Batch<'_, u8>);
            }

            struct Server;

            impl Named for Server {
                fn call(&mut self, $($name: u8),*) -> u8 {
                    0 $(+ $name)*
                }

                fn fail(&mut self, $($name: u8),*) -> Result<(u8, u8), (u8, u8)> {
                    Err((0 $(+ $name)*, 1))
                }

                fn note(&mut self, $($name: u8),*) {
                    assert_eq!(0 $(+ $name)*, SUM);
                }

                fn late(&mut self, $($name: u8,)* last: Promise<Result<u8, u8>>) {
                    last.answer(Ok(0 $(+ $name)*));
                }

                fn list(&mut self, $($name: u8,)* last: &mut Batch<'_, u8>) -> Result<(), u8> {
                    last.push(&(0 $(+ $name)*), 1).map_err(|_| 0)
                }

                fn pairs(&mut self, $($name: (u8, (u8, u8))),*) -> u8 {
                    0 $(+ $name.0 * $name.1.0 * $name.1.1)*
                }

                fn plain(&mut self, $($name: Option<u8>),*) -> Option<u8> {
                    Some(0 $(+ $name?)*)
                }

                fn items(&mut self, $($name: (u8, Option<u8>),)* last: &mut Batch<'_, u8>) {
                    let _full = last.push(&(0 $(+ $name.0 * $name.1.unwrap_or(0))*), 1);
                }
            }

            struct Waiting;

            impl AsyncNamed for Waiting {
                async fn call(&self, $($name: u8),*) -> u8 {
                    0 $(+ $name)*
                }

                async fn fail(&self, $($name: u8),*) -> Result<(u8, u8), (u8, u8)> {
                    Ok((0 $(+ $name)*, 1))
                }

                async fn note(&self, $($name: u8),*) {
                    assert_eq!(0 $(+ $name)*, SUM);
                }

                async fn late(&self, $($name: u8),*) -> Result<u8, u8> {
                    Ok(0 $(+ $name)*)
                }

                async fn list(&self, $($name: u8,)* last: &mut Batch<'_, u8>) -> Result<(), u8> {
                    last.push(&(0 $(+ $name)*), 1).map_err(|_| 0)
                }

                async fn pairs(&self, $($name: (u8, (u8, u8))),*) -> u8 {
                    0 $(+ $name.0)*
                }

                async fn plain(&self, $($name: Option<u8>),*) -> Option<u8> {
                    Some(0 $(+ $name?)*)
                }

                fn items(
                    &self,
                    $($name: (u8, Option<u8>),)*
                    last: &mut Batch<'_, u8>,
                ) -> impl Future<Output = ()> {
                    let full = last.push(&(0 $(+ $name.0)*), 1);
                    async move { assert_eq!(full, Ok(())) }
                }
            }

            /// Each argument is its place.
            #[derive(Clone, Copy)]
            enum Place { $(#[expect(non_camel_case_types, reason = "it is the argument's name")] $name),* }

            const SUM: u8 = 0 $(+ Place::$name as u8)*;

            struct Lost;

            impl RingTransport for Lost {
                fn submit(
                    &mut self,
                    request: &ipc_abi::message::Message,
                    _used_words: usize,
                ) -> Result<u32, RingError> {
                    let sum: u8 = request.words.iter().flat_map(|word| word.to_le_bytes()).sum();
                    Ok(u32::from(sum))
                }
            }

            #[test]
            fn arrive() {
                assert!(is_served_by::<NamedInterface, Server, Waiting>());
                let mut client = NamedClient::new(Local::<NamedInterface, _>::new(Server));
                assert_eq!(client.call($(Place::$name as u8),*), Ok(SUM));
                let failure = client.fail($(Place::$name as u8),*);
                assert_eq!(failure, Err(ipc_abi::interface::Failure::Service((SUM, 1))));
                assert_eq!(client.note($(Place::$name as u8),*), Ok(()));
                assert_eq!(client.late($(Place::$name as u8),*), Ok(SUM));
                let list: Vec<_> = client.list($(Place::$name as u8),*).collect();
                assert_eq!(list, [Ok(SUM)]);
                assert_eq!(client.pairs($((Place::$name as u8, (1, 1))),*), Ok(SUM));
                assert_eq!(client.plain($(Some(Place::$name as u8)),*), Ok(Some(SUM)));
                let items = client.items($((1, Some(Place::$name as u8))),*);
                assert_eq!(items.collect::<Vec<_>>(), [Ok(SUM)]);
                let mut ring = NamedRing::new(Lost);
                let ticket: Result<Ticket<Result<u8, CallError>>, _> = ring.call($(Place::$name as u8),*);
                assert_eq!(ticket.map(|ticket| ticket.token()), Ok(u32::from(SUM)));
            }
        }
    };
}

// Every local name of what is made of an interface.
arguments_called!(the_dispatcher: server request buffer replier);
arguments_called!(what_is_read: error reader position called);
arguments_called!(what_comes_of_it: value result promise batch);
arguments_called!(what_is_sent: closed memory answer reply);
arguments_called!(the_client: transport element_0 element_1 ticket);
arguments_called!(what_is_made_of_names: argument_value argument_argument_value support caller);

/// An interface and types that are called as a type parameter may be.
macro_rules! types_called {
    ($test:ident: $($name:ident)*) => {
        mod $test {
            #![expect(non_snake_case, reason = "modules are called as the types in them")]
            $(mod $name {
                use super::super::is_served_by;
                use ipc_abi::{interface, payload};

                #[payload]
                #[derive(Clone, Copy, Debug, PartialEq, Eq)]
                pub(super) struct $name(u8);

                #[interface(version = 1)]
                pub(super) trait Uses {
                    #[method(1)]
                    fn call(&mut self, own: $name, borrowed: &$name) -> $name;
                    #[method(2)]
                    fn fail(&mut self, pair: (u8, $name)) -> Result<$name, $name>;
                    #[method(3, one_way)]
                    fn note(&mut self, own: $name);
                    #[method(4)]
                    fn late(&mut self, own: $name, answer: Promise<Result<$name, $name>>);
                    #[method(5)]
                    fn list(&mut self, own: $name, items: &mut Batch<'_, $name>) -> Result<(), $name>;
                }

                use ipc_abi::interface::{Batch, Local, Promise};

                struct Holder;

                impl Uses for Holder {
                    fn call(&mut self, own: $name, borrowed: &$name) -> $name {
                        $name(own.0 + borrowed.0)
                    }

                    fn fail(&mut self, pair: (u8, $name)) -> Result<$name, $name> {
                        Ok(pair.1)
                    }

                    fn note(&mut self, _own: $name) {}

                    fn late(&mut self, own: $name, answer: Promise<Result<$name, $name>>) {
                        answer.answer(Ok(own));
                    }

                    fn list(&mut self, own: $name, items: &mut Batch<'_, $name>) -> Result<(), $name> {
                        items.push(&own, 1).map_err(|_| own)
                    }
                }

                impl AsyncUses for Holder {
                    async fn call(&self, own: $name, borrowed: &$name) -> $name {
                        $name(own.0 + borrowed.0)
                    }

                    async fn fail(&self, pair: (u8, $name)) -> Result<$name, $name> {
                        Ok(pair.1)
                    }

                    async fn note(&self, _own: $name) {}

                    async fn late(&self, own: $name) -> Result<$name, $name> {
                        Ok(own)
                    }

                    async fn list(&self, own: $name, items: &mut Batch<'_, $name>) -> Result<(), $name> {
                        items.push(&own, 1).map_err(|_| own)
                    }
                }

                #[test]
                fn arrives() {
                    assert!(is_served_by::<UsesInterface, Holder, Holder>());
                    let mut client = UsesClient::new(Local::<UsesInterface, _>::new(Holder));
                    assert_eq!(client.call($name(1), &$name(2)), Ok($name(3)));
                    assert_eq!(client.late($name(1)), Ok($name(1)));
                    let list: Vec<_> = client.list($name(1)).collect();
                    assert_eq!(list, [Ok($name(1))]);
                }

                mod service {
                    use ipc_abi::interface;

                    #[interface(version = 1)]
                    pub(super) trait $name {
                        #[method(1)]
                        fn add(&mut self, amount: u32) -> Result<u32, u8>;
                    }
                }

                impl service::$name for Holder {
                    fn add(&mut self, amount: u32) -> Result<u32, u8> {
                        Ok(amount)
                    }
                }
            }
        )*}
    };
}

types_called!(parameters: A B D E I K M N O R S T W);
types_called!(parts: Server Buffer Replier Memory Transport Reply Request Own Client Interface);

/// Everything that the prelude has is somebody's own here.
mod beside_own_names {
    #![no_implicit_prelude]

    use ::ipc_abi::interface::{Batch, Local, Promise};
    use ::ipc_abi::{interface, payload};

    struct Ok;
    struct Err;
    struct Some;
    struct None;
    type Result<T> = (T,);
    struct Option;
    struct Box;
    struct String;
    struct Vec;
    trait Clone {}
    trait Copy {}
    trait Debug {}
    trait Default {}
    trait Drop {}
    trait Eq {}
    trait Fn {}
    trait FnMut {}
    trait FnOnce {}
    trait From {}
    trait Into {}
    trait Iterator {}
    trait Ord {}
    trait PartialEq {}
    trait PartialOrd {}
    trait Send {}
    trait Sized {}
    trait Sync {}
    mod core {}
    mod ipc_abi {}
    mod serde {}
    mod std {}

    /// A value.
    #[payload]
    pub(super) enum Sample {
        /// One.
        None,
        /// Another.
        Ok { some: u8, list: [u8; 2] },
    }

    #[interface(version = 1)]
    pub(super) trait Plain {
        #[method(1)]
        fn call(&mut self, number: u8, sample: Sample) -> ::core::result::Result<u8, Sample>;
        #[method(2, one_way)]
        fn note(&mut self, sample: &Sample);
        #[method(3)]
        fn late(&mut self, promise: Promise<::core::result::Result<u8, Sample>>);
        #[method(4)]
        fn list(&mut self, batch: &mut Batch<'_, u8>) -> ::core::result::Result<(), Sample>;
        #[method(5)]
        fn optional(&mut self, number: (u8, ::core::option::Option<u8>)) -> (u8, Sample);
    }

    /// The same with capabilities.
    #[interface(version = 1)]
    pub(super) trait Grants {
        #[method(1)]
        fn swap(
            &mut self,
            memory: ::ipc_abi::interface::Granted<::ipc_abi::interface::object::Frame>,
        ) -> ::core::result::Result<
            (
                u8,
                ::ipc_abi::interface::Granted<::ipc_abi::interface::object::Frame>,
            ),
            u8,
        >;
    }

    struct Holder;

    impl Plain for Holder {
        fn call(&mut self, number: u8, _sample: Sample) -> ::core::result::Result<u8, Sample> {
            ::core::result::Result::Ok(number)
        }

        fn note(&mut self, _sample: &Sample) {}

        fn late(&mut self, promise: Promise<::core::result::Result<u8, Sample>>) {
            promise.answer(::core::result::Result::Ok(1));
        }

        fn list(&mut self, batch: &mut Batch<'_, u8>) -> ::core::result::Result<(), Sample> {
            batch.push(&1, 1).map_err(|_| Sample::None)
        }

        fn optional(&mut self, number: (u8, ::core::option::Option<u8>)) -> (u8, Sample) {
            (number.0, Sample::None)
        }
    }

    #[::core::prelude::v1::test]
    fn arrives() {
        let mut client = PlainClient::new(Local::<PlainInterface, _>::new(Holder));
        ::std::assert!(client.call(3, Sample::None).is_ok_and(|number| number == 3));
    }
}

/// The primitive types, but for those that the interface means, are somebody's own here.
mod beside_own_primitives {
    #![expect(non_camel_case_types, reason = "they are in the way")]

    use ipc_abi::interface;
    use ipc_abi::interface::{Batch, Promise};

    struct bool;
    struct char;
    struct str;
    struct u16;
    struct u64;
    struct usize;

    #[interface(version = 1)]
    pub(super) trait Plain {
        #[method(1)]
        fn call(&mut self, number: u8, other: u32) -> Result<u8, u32>;
        #[method(2, one_way)]
        fn note(&mut self, other: (u8, u32));
        #[method(3)]
        fn late(&mut self, promise: Promise<Result<u8, u32>>);
        #[method(4)]
        fn list(&mut self, other: u32, batch: &mut Batch<'_, u8>) -> Result<(), u32>;
    }
}
