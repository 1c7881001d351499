//! Another client of the same organisation, which spends the same limits.

use std::io::{Read, Write};
use std::net::TcpStream;

use super::World;

pub const OTHERS_TOKEN: &str = "00anotherClientsToken";
/// What it asks for, and nobody else.
pub const OTHERS_TARGET: &str = "/api/v1/groups?limit=1&q=other";

/// One request of it. The simulator has to know its token.
pub fn spend(world: &World) {
    let mut connection = TcpStream::connect(world.sim.address()).unwrap();
    let request = format!(
        "GET {OTHERS_TARGET} HTTP/1.1\r\nHost: localhost\r\nAuthorization: SSWS {OTHERS_TOKEN}\r\n\
         Connection: close\r\n\r\n"
    );
    connection.write_all(request.as_bytes()).unwrap();
    connection.read_to_end(&mut Vec::new()).unwrap();
}
