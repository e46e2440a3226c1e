//! What senders say of their flows (Advanced profile): said by the application, and told to it.

use super::callbacks::FlowAttributeFunction;
use super::context::{Context, Error};
use super::gate::Gate;
use crate::protocol::config::Role;
use crate::protocol::output::PeerId;
use std::sync::Arc;

impl Context {
    /// Says something of the flow to a peer or to all that are spoken to in Advanced. Returns how many it went to.
    pub fn write_flow_attribute(&self, peer: Option<PeerId>, text: &[u8]) -> Result<usize, Error> {
        self.expect(Role::Sender)?;
        Ok(self.driver.call(|session, now| session.send_flow_attribute(now, peer, text))??)
    }

    /// Sets who is told. When this returns, the one before is not called any more on any other thread.
    pub fn set_flow_attribute_callback(&self, function: Option<Arc<FlowAttributeFunction>>) -> Result<(), Error> {
        self.expect(Role::Receiver)?;
        let gate = Arc::new(Gate::default());
        let entrance = Arc::clone(&gate);
        let guarded = function.map(|function| -> Arc<FlowAttributeFunction> {
            Arc::new(move |peer, text| {
                if let Some(_inside) = entrance.enter() {
                    function(peer, text);
                }
            })
        });
        let mut before = None;
        self.set_callbacks(|callbacks| {
            callbacks.flow_attribute = guarded;
            before = Some(std::mem::replace(&mut callbacks.flow_attribute_gate, gate));
        });
        // With no lock held: whoever is inside may want to set another one.
        before.inspect(|before| before.close());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::config::Profile;
    use crate::protocol::output::Event;
    use crate::protocol::payload::Pool;
    use crate::runtime::events::Notice;
    use crate::runtime::log::Logger;
    use parking_lot::Mutex;
    use std::sync::Barrier;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::thread;

    fn receiver() -> Arc<Context> {
        Context::new(Role::Receiver, Profile::Advanced, 0, Logger::default()).unwrap()
    }

    fn say(context: &Context, text: &[u8]) {
        let event = Event::FlowAttribute { peer: PeerId(3), text: Pool::new().copy(text) };
        context.driver().tell(Notice::Event(event));
    }

    #[test]
    fn flow_attributes_are_told_until_the_end() {
        let context = receiver();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let list = || -> Option<Arc<FlowAttributeFunction>> {
            let heard = Arc::clone(&heard);
            Some(Arc::new(move |peer, text: &[u8]| heard.lock().push((peer, text.to_vec()))))
        };
        say(&context, b"to nobody");
        context.set_flow_attribute_callback(list()).unwrap();
        say(&context, b"{}");
        context.set_flow_attribute_callback(None).unwrap();
        say(&context, b"to nobody");
        context.set_flow_attribute_callback(list()).unwrap();
        context.destroy();
        say(&context, b"to nobody");
        assert_eq!(*heard.lock(), [(PeerId(3), b"{}".to_vec())]);
        assert_eq!(Arc::strong_count(&heard), 1);
        let sender = Context::new(Role::Sender, Profile::Advanced, 0, Logger::default()).unwrap();
        assert_eq!(sender.set_flow_attribute_callback(None), Err(Error::WrongRole));
        assert_eq!(context.write_flow_attribute(None, b"{}"), Err(Error::WrongRole));
    }

    #[test]
    fn whoever_takes_the_function_away_waits_for_its_call() {
        let context = receiver();
        let (is_inside, has_left) = (Arc::new(Barrier::new(2)), Arc::new(AtomicBool::new(false)));
        let (meeting, leaving) = (Arc::clone(&is_inside), Arc::clone(&has_left));
        let function: Arc<FlowAttributeFunction> = Arc::new(move |_, _: &[u8]| {
            meeting.wait();
            (0..1000).for_each(|_| thread::yield_now());
            leaving.store(true, Ordering::SeqCst);
        });
        context.set_flow_attribute_callback(Some(function)).unwrap();
        thread::scope(|scope| {
            scope.spawn(|| say(&context, b"{}"));
            is_inside.wait();
            context.set_flow_attribute_callback(None).unwrap();
            assert!(has_left.load(Ordering::SeqCst));
        });
    }

    #[test]
    fn a_function_may_take_itself_away() {
        let context = receiver();
        let (own, calls) = (Arc::downgrade(&context), Arc::new(Mutex::new(0)));
        let counted = Arc::clone(&calls);
        let function: Arc<FlowAttributeFunction> = Arc::new(move |_, _: &[u8]| {
            *counted.lock() += 1;
            own.upgrade().unwrap().set_flow_attribute_callback(None).unwrap();
        });
        context.set_flow_attribute_callback(Some(function)).unwrap();
        say(&context, b"{}");
        say(&context, b"{}");
        assert_eq!(*calls.lock(), 1);
    }
}
