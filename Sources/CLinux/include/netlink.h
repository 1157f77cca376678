#pragma once
#include <stddef.h>
#include <stdint.h>

// Interfaces, addresses and routes by rtnetlink(7). Addresses of IPv4 are in host order. -1 with errno set on failure.

/// A cable from this network namespace into another.
struct clinux_veth {
    /// Of the end that stays here: 15 bytes at most.
    const char *name;
    /// Written on it: 255 bytes at most.
    const char *alias;
    /// Of the other end.
    const char *inner_name;
    /// A descriptor of the other namespace.
    int network;
    /// The other end's own address; the only one routed to it.
    uint32_t address;
    /// This end's address, the other's way out. Many cables may have the same.
    uint32_t gateway;
};

/// Makes the cable, both ends up, with addresses, a route to `address` here and a default route there. Neither end has
/// IPv6. All or nothing. `own` is the calling thread's namespace before and after. `*step` says what failed. Returns 1 if
/// there is a route to `address` here already.
int clinux_veth_open(const struct clinux_veth *veth, int own, const char **step);

/// Removes an interface, and with it its other end, addresses and routes. ENODEV: there is none of that name.
int clinux_link_delete(const char *name);

/// What is written on an interface, "" if nothing.
int clinux_link_alias(const char *name, char *alias, size_t capacity);

/// A datagram socket and a listening stream socket (IPv4, non-blocking), made and bound in `network`, whether the
/// address is there yet or not.
int clinux_name_server_sockets(int network, int own, uint32_t address, uint16_t port, int *datagram, int *stream);
