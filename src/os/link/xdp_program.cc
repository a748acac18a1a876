#include "os/link/xdp_program.hh"

#include <array>
#include <cerrno>
#include <cstddef>

#include <bpf/bpf.h>
#include <linux/if_link.h>

namespace tern {

namespace {

constexpr u8 k_r1 = 1, k_r2 = 2, k_r3 = 3;

bpf_insn instruction(int code, u8 to, u8 from, int offset, int value) {
    bpf_insn i{};
    i.code = static_cast<u8>(code);
    i.dst_reg = to & 15;
    i.src_reg = from & 15;
    i.off = static_cast<short>(offset);
    i.imm = value;
    return i;
}

// return bpf_redirect_map(&sockets, context->rx_queue_index, XDP_PASS);
// where the last is for queues without a socket (Linux 5.3).
auto to_the_socket_of_its_queue(int sockets) {
    return std::array{
        instruction(BPF_LDX | BPF_MEM | BPF_W, k_r2, k_r1, offsetof(xdp_md, rx_queue_index), 0),
        instruction(BPF_LD | BPF_DW | BPF_IMM, k_r1, BPF_PSEUDO_MAP_FD, 0, sockets),
        instruction(0, 0, 0, 0, 0),
        instruction(BPF_ALU64 | BPF_MOV | BPF_K, k_r3, 0, 0, XDP_PASS),
        instruction(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_redirect_map),
        instruction(BPF_JMP | BPF_EXIT, 0, 0, 0, 0)};
}

int attach_as(int program, unsigned interface, u32 flags) {
    bpf_link_create_opts options{};
    options.sz = sizeof options;
    options.flags = flags;
    return ::bpf_link_create(program, static_cast<int>(interface), BPF_XDP, &options);
}

}  // namespace

std::expected<XdpProgram, int> XdpProgram::load(u32 queues) {
    XdpProgram p;
    p.sockets_ = Descriptor{::bpf_map_create(BPF_MAP_TYPE_XSKMAP, "tern_sockets", sizeof(u32),
                                             sizeof(u32), queues, {})};
    if (!p.sockets_) return std::unexpected(errno);
    const auto code = to_the_socket_of_its_queue(p.sockets_.get());
    p.program_ = Descriptor{
        ::bpf_prog_load(BPF_PROG_TYPE_XDP, "tern_queues", "GPL", code.data(), code.size(), {})};
    if (!p.program_) return std::unexpected(errno);
    return p;
}

int XdpProgram::add_socket(u32 queue, int socket) {
    return ::bpf_map_update_elem(sockets_.get(), &queue, &socket, BPF_ANY) == 0 ? 0 : errno;
}

int XdpProgram::attach(unsigned interface) {
    attachment_ = Descriptor{attach_as(program_.get(), interface, XDP_FLAGS_DRV_MODE)};
    in_driver_ = bool(attachment_);
    if (in_driver_ || errno != EOPNOTSUPP) return in_driver_ ? 0 : errno;
    attachment_ = Descriptor{attach_as(program_.get(), interface, XDP_FLAGS_SKB_MODE)};
    return attachment_ ? 0 : errno;
}

}  // namespace tern
