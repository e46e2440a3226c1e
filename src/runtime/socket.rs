//! Opens the sockets of a peer.

use super::log::Logger;
use super::os::option;
use crate::protocol::output::Level;
use socket2::{Domain, InterfaceIndexOrAddress, Protocol, SockAddr, Socket, Type};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Socket buffers asked for, until one is granted (libRIST 0.2.20: up to 8 MiB, then as before).
const BUFFERS: [usize; 3] = [8 << 20, 1 << 20, 200 << 10];
/// libRIST's hops for multicast.
const MULTICAST_TTL: u8 = 32;
/// Ephemeral ports tried for an even port with a free odd neighbour.
const PAIR_ATTEMPTS: usize = 200;

/// Options of a peer that concern its sockets.
#[derive(Debug, Clone, Default)]
pub(super) struct SocketOptions {
    pub(super) miface: String,
    pub(super) multicast_ttl: Option<u8>,
    pub(super) multicast_source: Option<IpAddr>,
    pub(super) local_port: Option<u16>,
}

/// The sockets of a peer: one, or in the Simple profile another for RTCP.
pub(super) struct Opened {
    pub(super) media: Socket,
    pub(super) control: Option<Socket>,
}

impl Opened {
    fn all(&self) -> impl Iterator<Item = &Socket> {
        std::iter::once(&self.media).chain(&self.control)
    }
}

/// How many ports a peer has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ports {
    One,
    /// An even one for media and the next one for RTCP.
    Two,
}

/// Sockets that strangers come to, a multicast group joined. Port 0: any that is free.
pub(super) fn listen(address: SocketAddr, ports: Ports, options: &SocketOptions, log: &Logger) -> io::Result<Opened> {
    let bind = |port| bound(SocketAddr::new(address.ip(), port), port != 0);
    let opened = match ports {
        Ports::Two if address.port() == 0 => free_pair(address.ip())?,
        Ports::Two => Opened { media: bind(address.port())?, control: Some(bind(after(address.port())?)?) },
        Ports::One => Opened { media: bind(address.port())?, control: None },
    };
    for socket in opened.all() {
        if address.ip().is_multicast() {
            join(socket, address.ip(), options)?;
        }
    }
    set_buffers(&opened, log);
    Ok(opened)
}

/// Sockets to call from.
pub(super) fn call(to: SocketAddr, ports: Ports, options: &SocketOptions, log: &Logger) -> io::Result<Opened> {
    let own_ip = options.miface.parse::<IpAddr>().ok().filter(|ip| ip.is_ipv4() == to.is_ipv4());
    let any: IpAddr = if to.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let bind = |port| {
        let unbound = |error: &io::Error| {
            log.log(Level::Error, &format!("cannot bind to interface {}: {error}", options.miface));
        };
        match own_ip.map(|ip| bound(SocketAddr::new(ip, port), false)) {
            Some(Ok(socket)) => Ok(socket),
            // An unusable miface is reported and otherwise ignored, as libRIST does.
            Some(Err(error)) => {
                unbound(&error);
                bound(SocketAddr::new(any, port), false)
            }
            None => bound(SocketAddr::new(any, port), false),
        }
    };
    let local = options.local_port.unwrap_or(0);
    let control = match ports {
        Ports::One => None,
        Ports::Two if local == 0 => Some(bind(0)?),
        Ports::Two => Some(bind(after(local)?)?),
    };
    let opened = Opened { media: bind(local)?, control };
    for socket in opened.all() {
        if to.ip().is_multicast() {
            send_to_group(socket, to.ip(), options, log)?;
        } else if own_ip.is_none()
            && !options.miface.is_empty()
            && let Err(error) = option::bind_device(socket, &options.miface)
        {
            log.log(Level::Error, &format!("cannot bind to interface {}: {error}", options.miface));
        }
    }
    set_buffers(&opened, log);
    Ok(opened)
}

fn after(port: u16) -> io::Result<u16> {
    port.checked_add(1).ok_or_else(|| io::ErrorKind::InvalidInput.into())
}

fn bound(address: SocketAddr, reuse: bool) -> io::Result<Socket> {
    // Close-on-exec by socket2.
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_nonblocking(true)?;
    if reuse {
        socket.set_reuse_address(true)?;
    }
    // Windows cannot bind to a group.
    let any = cfg!(windows) && address.ip().is_multicast();
    let ip = match address.ip() {
        IpAddr::V4(_) if any => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) if any => Ipv6Addr::UNSPECIFIED.into(),
        ip => ip,
    };
    let address = match address {
        SocketAddr::V6(v6) if !any => SocketAddr::V6(v6),
        _ => SocketAddr::new(ip, address.port()),
    };
    socket.bind(&SockAddr::from(address))?;
    Ok(socket)
}

/// An even port and its odd neighbour, both free. Without SO_REUSEADDR: a used port must be refused here.
fn free_pair(ip: IpAddr) -> io::Result<Opened> {
    let mut last = io::Error::from(io::ErrorKind::AddrInUse);
    for _ in 0..PAIR_ATTEMPTS {
        let first = bound(SocketAddr::new(ip, 0), false)?;
        let port = option::local_address(&first)?.port();
        match bound(SocketAddr::new(ip, port ^ 1), false) {
            Ok(second) if port % 2 == 0 => return Ok(Opened { media: first, control: Some(second) }),
            Ok(second) => return Ok(Opened { media: second, control: Some(first) }),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// An interface by name, number-by-route (0) or, IPv4 only, own address.
fn interface(miface: &str) -> io::Result<(u32, Ipv4Addr)> {
    if miface.is_empty() {
        return Ok((0, Ipv4Addr::UNSPECIFIED));
    }
    if let Ok(address) = miface.parse() {
        return Ok((0, address));
    }
    let index = option::interface_index(miface).ok_or(io::ErrorKind::NotFound)?;
    Ok((index, Ipv4Addr::UNSPECIFIED))
}

fn join(socket: &Socket, group: IpAddr, options: &SocketOptions) -> io::Result<()> {
    // An unknown interface name means the default route, as in libRIST.
    let (index, address) = interface(&options.miface).unwrap_or((0, Ipv4Addr::UNSPECIFIED));
    match (group, options.multicast_source) {
        (group, Some(source)) => option::join_source(socket, group, source, (index, address)),
        (IpAddr::V4(group), None) if index != 0 => {
            socket.join_multicast_v4_n(&group, &InterfaceIndexOrAddress::Index(index))
        }
        (IpAddr::V4(group), None) => socket.join_multicast_v4(&group, &address),
        (IpAddr::V6(group), None) => socket.join_multicast_v6(&group, index),
    }
}

fn send_to_group(socket: &Socket, group: IpAddr, options: &SocketOptions, log: &Logger) -> io::Result<()> {
    let hops = u32::from(options.multicast_ttl.filter(|ttl| *ttl != 0).unwrap_or(MULTICAST_TTL));
    match group {
        IpAddr::V4(_) => socket.set_multicast_ttl_v4(hops)?,
        IpAddr::V6(_) => socket.set_multicast_hops_v6(hops)?,
    }
    let set = interface(&options.miface).and_then(|interface| match (group, interface) {
        (_, (0, Ipv4Addr::UNSPECIFIED)) => Ok(()),
        (IpAddr::V4(_), (0, address)) => socket.set_multicast_if_v4(&address),
        (IpAddr::V4(_), (index, _)) => option::set_multicast_interface_v4(socket, index),
        (IpAddr::V6(_), (index, _)) => socket.set_multicast_if_v6(index),
    });
    if let Err(error) = set {
        log.log(Level::Error, &format!("cannot send multicast through interface {}: {error}", options.miface));
    }
    Ok(())
}

fn set_buffers(opened: &Opened, log: &Logger) {
    let smallest = |receive| opened.all().map(|socket| enlarge(socket, receive)).min().unwrap_or(0);
    let (receive, send) = (smallest(true), smallest(false));
    let level = if receive.min(send) < BUFFERS[2] { Level::Warn } else { Level::Info };
    log.log(level, &format!("socket buffers: {receive} bytes to receive, {send} bytes to send"));
}

/// Returns what the system says the buffer is.
fn enlarge(socket: &Socket, receive: bool) -> usize {
    let current = || if receive { socket.recv_buffer_size() } else { socket.send_buffer_size() }.unwrap_or(0);
    for wanted in BUFFERS {
        if current() >= wanted || option::force_buffer(socket, receive, wanted).is_ok() {
            break;
        }
        // Some systems refuse what is too much, Linux cuts it silently.
        let set = if receive { socket.set_recv_buffer_size(wanted) } else { socket.set_send_buffer_size(wanted) };
        if set.is_ok() && current() >= wanted {
            break;
        }
    }
    current()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn port(socket: &Socket) -> u16 {
        option::local_address(socket).unwrap().port()
    }

    #[test]
    fn port_zero_gives_an_even_port_and_its_neighbour() {
        for _ in 0..20 {
            let pair =
                listen("127.0.0.1:0".parse().unwrap(), Ports::Two, &SocketOptions::default(), &Logger::default())
                    .unwrap();
            assert_eq!(port(&pair.media) % 2, 0);
            assert_eq!(port(pair.control.as_ref().unwrap()), port(&pair.media) + 1);
        }
    }

    #[test]
    fn two_listeners_may_share_a_port() {
        let listener = |port| {
            let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
            listen(address, Ports::Two, &SocketOptions::default(), &Logger::default()).unwrap()
        };
        let free = listener(0);
        let number = port(&free.media);
        drop(free);
        let first = listener(number);
        let second = listener(number);
        assert_eq!(port(&first.media), port(&second.media));
    }

    #[test]
    fn a_local_port_is_used_and_so_is_the_next() {
        let free = free_pair(Ipv4Addr::UNSPECIFIED.into()).unwrap();
        let number = port(&free.media);
        drop(free);
        let options = SocketOptions { local_port: Some(number), ..Default::default() };
        let pair = call("127.0.0.1:9".parse().unwrap(), Ports::Two, &options, &Logger::default()).unwrap();
        assert_eq!([port(&pair.media), port(pair.control.as_ref().unwrap())], [number, number + 1]);
        let last = SocketOptions { local_port: Some(u16::MAX), ..Default::default() };
        assert!(call("127.0.0.1:9".parse().unwrap(), Ports::Two, &last, &Logger::default()).is_err());
    }

    #[test]
    fn a_wrong_interface_does_not_stop_a_caller() {
        let options = SocketOptions { miface: "no-such-if".to_owned(), ..Default::default() };
        for to in ["127.0.0.1:9", "239.1.2.3:9"] {
            call(to.parse().unwrap(), Ports::One, &options, &Logger::default()).unwrap();
        }
        let foreign = SocketOptions { miface: "203.0.113.7".to_owned(), ..Default::default() };
        call("127.0.0.1:9".parse().unwrap(), Ports::One, &foreign, &Logger::default()).unwrap();
    }
}
