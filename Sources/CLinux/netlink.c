#define _GNU_SOURCE
#include "netlink.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MESSAGES 8
// <linux/if.h> has it, but not beside <net/if.h>.
#define IFALIASZ 256

// Several messages that the kernel handles in one call, in turn, whether or not the process is killed meanwhile.
struct batch {
    _Alignas(NLMSG_ALIGNTO) char bytes[4096];
    size_t length;
    struct nlmsghdr *current;
    int count;
    // Errors of these messages count for nothing.
    int optional[MESSAGES];
};

static void *extend(struct batch *batch, size_t size) {
    size_t aligned = NLMSG_ALIGN(size);
    if (batch->length + aligned > sizeof batch->bytes) abort();
    void *place = batch->bytes + batch->length;
    memset(place, 0, aligned);
    batch->length += aligned;
    if (batch->current != NULL) {
        batch->current->nlmsg_len = (uint32_t)(batch->bytes + batch->length - (char *)batch->current);
    }
    return place;
}

static void *begin(struct batch *batch, int type, int flags, size_t size, int optional) {
    if (batch->count == MESSAGES) abort();
    batch->current = NULL;
    struct nlmsghdr *header = extend(batch, sizeof *header);
    batch->current = header;
    header->nlmsg_type = (uint16_t)type;
    header->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | NLM_F_ACK | flags);
    header->nlmsg_seq = (uint32_t)batch->count;
    batch->optional[batch->count++] = optional;
    return extend(batch, size);
}

static struct rtattr *attribute(struct batch *batch, int type, const void *value, size_t size) {
    struct rtattr *header = extend(batch, RTA_LENGTH(size));
    header->rta_type = (uint16_t)type;
    header->rta_len = (uint16_t)RTA_LENGTH(size);
    if (size > 0) memcpy(RTA_DATA(header), value, size);
    return header;
}

static struct rtattr *nest(struct batch *batch, int type) { return attribute(batch, type, NULL, 0); }

static void close_nest(struct batch *batch, struct rtattr *header) {
    header->rta_len = (uint16_t)(batch->bytes + batch->length - (char *)header);
}

static void text(struct batch *batch, int type, const char *value) { attribute(batch, type, value, strlen(value) + 1); }

static void address_attribute(struct batch *batch, int type, uint32_t address) {
    uint32_t bytes = htonl(address);
    attribute(batch, type, &bytes, sizeof bytes);
}

// Sends all and waits for every answer. The first error that counts is errno.
static int perform(int fd, struct batch *batch) {
    struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
    ssize_t n;
    do {
        n = sendto(fd, batch->bytes, batch->length, 0, (struct sockaddr *)&kernel, sizeof kernel);
    } while (n < 0 && errno == EINTR);
    if (n < 0) return -1;
    int error = 0;
    for (int answered = 0; answered < batch->count;) {
        _Alignas(NLMSG_ALIGNTO) char answer[8192];
        n = recv(fd, answer, sizeof answer, 0);
        if (n < 0) {
            if (errno == EINTR) continue;
            return -1;
        }
        int left = (int)n;
        for (struct nlmsghdr *header = (struct nlmsghdr *)answer; NLMSG_OK(header, left); header = NLMSG_NEXT(header, left)) {
            if (header->nlmsg_type != NLMSG_ERROR || header->nlmsg_seq >= (uint32_t)batch->count) continue;
            const struct nlmsgerr *report = NLMSG_DATA(header);
            answered++;
            if (report->error != 0 && error == 0 && !batch->optional[header->nlmsg_seq]) error = -report->error;
        }
    }
    errno = error;
    return error == 0 ? 0 : -1;
}

static int route_socket(void) { return socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE); }

static int route_socket_in(int network, int own) {
    if (setns(network, CLONE_NEWNET) < 0) return -1;
    int fd = route_socket();
    int saved = errno;
    if (setns(own, CLONE_NEWNET) < 0) abort();
    errno = saved;
    return fd;
}

// Asks for one interface by name. The answer's attributes are in `answer`; returns its index.
static int look_up(int fd, const char *name, char *answer, size_t capacity, struct rtattr **attributes, int *left) {
    struct batch batch = {.length = 0};
    struct ifinfomsg *link = begin(&batch, RTM_GETLINK, 0, sizeof *link, 0);
    text(&batch, IFLA_IFNAME, name);
    batch.current->nlmsg_flags = NLM_F_REQUEST;
    struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
    if (sendto(fd, batch.bytes, batch.length, 0, (struct sockaddr *)&kernel, sizeof kernel) < 0) return -1;
    ssize_t n;
    do {
        n = recv(fd, answer, capacity, 0);
    } while (n < 0 && errno == EINTR);
    if (n < 0) return -1;
    struct nlmsghdr *header = (struct nlmsghdr *)answer;
    if (!NLMSG_OK(header, (size_t)n)) {
        errno = EPROTO;
        return -1;
    }
    if (header->nlmsg_type == NLMSG_ERROR) {
        errno = -((struct nlmsgerr *)NLMSG_DATA(header))->error;
        return -1;
    }
    struct ifinfomsg *found = NLMSG_DATA(header);
    if (attributes != NULL) {
        *attributes = IFLA_RTA(found);
        *left = (int)IFLA_PAYLOAD(header);
    }
    return found->ifi_index;
}

static int link_index(int fd, const char *name) {
    _Alignas(NLMSG_ALIGNTO) char answer[16384];
    return look_up(fd, name, answer, sizeof answer, NULL, NULL);
}

// Without this the kernel gives every interface that comes up a link-local address. Fails where IPv6 is off.
static void without_ipv6(struct batch *batch, const char *name) {
    begin(batch, RTM_SETLINK, 0, sizeof(struct ifinfomsg), 1);
    text(batch, IFLA_IFNAME, name);
    struct rtattr *families = nest(batch, IFLA_AF_SPEC);
    struct rtattr *family = nest(batch, AF_INET6);
    uint8_t mode = IN6_ADDR_GEN_MODE_NONE;
    attribute(batch, IFLA_INET6_ADDR_GEN_MODE, &mode, sizeof mode);
    close_nest(batch, family);
    close_nest(batch, families);
}

static void new_address(struct batch *batch, int index, uint32_t local, uint32_t peer) {
    struct ifaddrmsg *message = begin(batch, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, sizeof *message, 0);
    message->ifa_family = AF_INET;
    message->ifa_prefixlen = 32;
    message->ifa_index = (uint32_t)index;
    message->ifa_scope = RT_SCOPE_UNIVERSE;
    address_attribute(batch, IFA_LOCAL, local);
    address_attribute(batch, IFA_ADDRESS, peer);
}

static void up(struct batch *batch, int index) {
    struct ifinfomsg *link = begin(batch, RTM_SETLINK, 0, sizeof *link, 0);
    link->ifi_index = index;
    link->ifi_flags = IFF_UP;
    link->ifi_change = IFF_UP;
}

static struct rtmsg *new_route(struct batch *batch, int index) {
    struct rtmsg *route = begin(batch, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, sizeof *route, 0);
    route->rtm_family = AF_INET;
    route->rtm_table = RT_TABLE_MAIN;
    route->rtm_protocol = RTPROT_STATIC;
    route->rtm_type = RTN_UNICAST;
    uint32_t interface = (uint32_t)index;
    attribute(batch, RTA_OIF, &interface, sizeof interface);
    return route;
}

// An address of its own making would be replaced by udev's, after the other end has learnt it.
static void hardware_address(struct batch *batch, uint8_t first, uint32_t address) {
    uint8_t bytes[6] = {first, 0x5b, (uint8_t)(address >> 24), (uint8_t)(address >> 16), (uint8_t)(address >> 8), (uint8_t)address};
    attribute(batch, IFLA_ADDRESS, bytes, sizeof bytes);
}

static int make_cable(int here, const struct clinux_veth *veth) {
    struct batch batch = {.length = 0};
    begin(&batch, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, sizeof(struct ifinfomsg), 0);
    text(&batch, IFLA_IFNAME, veth->name);
    hardware_address(&batch, 0x02, veth->address);
    struct rtattr *information = nest(&batch, IFLA_LINKINFO);
    text(&batch, IFLA_INFO_KIND, "veth");
    struct rtattr *data = nest(&batch, IFLA_INFO_DATA);
    struct rtattr *peer = nest(&batch, VETH_INFO_PEER);
    extend(&batch, sizeof(struct ifinfomsg));
    text(&batch, IFLA_IFNAME, veth->inner_name);
    hardware_address(&batch, 0x06, veth->address);
    uint32_t network = (uint32_t)veth->network;
    attribute(&batch, IFLA_NET_NS_FD, &network, sizeof network);
    close_nest(&batch, peer);
    close_nest(&batch, data);
    close_nest(&batch, information);
    return perform(here, &batch);
}

static int equip_here(int here, const struct clinux_veth *veth) {
    int index = link_index(here, veth->name);
    if (index < 0) return -1;
    struct batch batch = {.length = 0};
    without_ipv6(&batch, veth->name);
    new_address(&batch, index, veth->gateway, veth->gateway);
    up(&batch, index);
    struct rtmsg *route = new_route(&batch, index);
    route->rtm_dst_len = 32;
    route->rtm_scope = RT_SCOPE_LINK;
    address_attribute(&batch, RTA_DST, veth->address);
    address_attribute(&batch, RTA_PREFSRC, veth->gateway);
    return perform(here, &batch);
}

static int equip_there(int there, const struct clinux_veth *veth) {
    int index = link_index(there, veth->inner_name);
    if (index < 0) return -1;
    struct batch batch = {.length = 0};
    without_ipv6(&batch, veth->inner_name);
    // With the gateway as its peer: that makes the route to it.
    new_address(&batch, index, veth->address, veth->gateway);
    up(&batch, index);
    struct rtmsg *route = new_route(&batch, index);
    route->rtm_scope = RT_SCOPE_UNIVERSE;
    address_attribute(&batch, RTA_GATEWAY, veth->gateway);
    return perform(there, &batch);
}

static int delete_link(int fd, const char *name) {
    struct batch batch = {.length = 0};
    begin(&batch, RTM_DELLINK, 0, sizeof(struct ifinfomsg), 0);
    text(&batch, IFLA_IFNAME, name);
    return perform(fd, &batch);
}

static int set_alias(int fd, const struct clinux_veth *veth) {
    struct batch batch = {.length = 0};
    begin(&batch, RTM_SETLINK, 0, sizeof(struct ifinfomsg), 0);
    text(&batch, IFLA_IFNAME, veth->name);
    attribute(&batch, IFLA_IFALIAS, veth->alias, strlen(veth->alias));
    return perform(fd, &batch);
}

int clinux_veth_open(const struct clinux_veth *veth, int own, const char **step) {
    if (strlen(veth->name) >= IFNAMSIZ || strlen(veth->inner_name) >= IFNAMSIZ || strlen(veth->alias) >= IFALIASZ) {
        *step = "naming the interface";
        errno = ENAMETOOLONG;
        return -1;
    }
    *step = "a socket for rtnetlink";
    int here = route_socket();
    if (here < 0) return -1;
    *step = "entering the sandbox's network";
    int there = route_socket_in(veth->network, own);
    int result = there < 0 ? -1 : 0;
    if (result == 0) {
        *step = "making the interface";
        result = make_cable(here, veth);
        if (result == 0) {
            *step = "setting up the host's end";
            if ((result = set_alias(here, veth)) == 0) result = equip_here(here, veth);
            int taken = result < 0 && errno == EEXIST;
            if (result == 0) {
                *step = "setting up the sandbox's end";
                result = equip_there(there, veth);
            }
            if (result < 0) {
                int saved = errno;
                delete_link(here, veth->name);
                errno = saved;
                if (taken) result = 1;
            }
        }
    }
    int saved = errno;
    if (there >= 0) close(there);
    close(here);
    errno = saved;
    return result;
}

int clinux_link_delete(const char *name) {
    int fd = route_socket();
    if (fd < 0) return -1;
    int result = delete_link(fd, name);
    int saved = errno;
    close(fd);
    errno = saved;
    return result;
}

int clinux_link_alias(const char *name, char *alias, size_t capacity) {
    int fd = route_socket();
    if (fd < 0) return -1;
    _Alignas(NLMSG_ALIGNTO) char answer[16384];
    struct rtattr *attributes = NULL;
    int left = 0;
    int index = look_up(fd, name, answer, sizeof answer, &attributes, &left);
    int saved = errno;
    close(fd);
    errno = saved;
    if (index < 0) return -1;
    alias[0] = 0;
    for (; RTA_OK(attributes, left); attributes = RTA_NEXT(attributes, left)) {
        size_t length = RTA_PAYLOAD(attributes);
        if (attributes->rta_type != IFLA_IFALIAS || length >= capacity) continue;
        memcpy(alias, RTA_DATA(attributes), length);
        alias[length] = 0;
    }
    return 0;
}

static int bound_socket(int type, uint32_t address, uint16_t port) {
    int fd = socket(AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return -1;
    int on = 1;
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(address)};
    if (setsockopt(fd, IPPROTO_IP, IP_FREEBIND, &on, sizeof on) == 0 &&
        bind(fd, (struct sockaddr *)&name, sizeof name) == 0 && (type != SOCK_STREAM || listen(fd, 16) == 0)) {
        return fd;
    }
    int saved = errno;
    close(fd);
    errno = saved;
    return -1;
}

int clinux_name_server_sockets(int network, int own, uint32_t address, uint16_t port, int *datagram, int *stream) {
    if (setns(network, CLONE_NEWNET) < 0) return -1;
    *datagram = bound_socket(SOCK_DGRAM, address, port);
    *stream = *datagram < 0 ? -1 : bound_socket(SOCK_STREAM, address, port);
    int saved = errno;
    if (setns(own, CLONE_NEWNET) < 0) abort();
    if (*stream >= 0) return 0;
    if (*datagram >= 0) close(*datagram);
    errno = saved;
    return -1;
}
