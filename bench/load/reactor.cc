#include "reactor.h"

#include "base/result.h"

#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <cerrno>

namespace twinhub::load {
namespace {

constexpr std::uint64_t nanoseconds_per_second = 1'000'000'000;

void control(int epoll, int operation, int descriptor, std::uint32_t events, Pollable* owner) {
    epoll_event event{};
    event.events = events;
    event.data.ptr = owner;
    CHECK(epoll_ctl(epoll, operation, descriptor, &event) == 0);
}

}  // namespace

std::uint64_t now_ns() {
    timespec time{};
    clock_gettime(CLOCK_MONOTONIC, &time);
    return static_cast<std::uint64_t>(time.tv_sec) * nanoseconds_per_second +
           static_cast<std::uint64_t>(time.tv_nsec);
}

Reactor::Reactor() : epoll_(epoll_create1(EPOLL_CLOEXEC)) { CHECK(epoll_ >= 0); }
Reactor::~Reactor() { ::close(epoll_); }

void Reactor::add(int descriptor, std::uint32_t events, Pollable* owner) {
    control(epoll_, EPOLL_CTL_ADD, descriptor, events, owner);
}

void Reactor::change(int descriptor, std::uint32_t events, Pollable* owner) {
    control(epoll_, EPOLL_CTL_MOD, descriptor, events, owner);
}

void Reactor::remove(int descriptor) { control(epoll_, EPOLL_CTL_DEL, descriptor, 0, nullptr); }

void Reactor::turn(std::uint64_t deadline_ns) {
    const std::uint64_t now = now_ns();
    const std::uint64_t wait = deadline_ns > now ? deadline_ns - now : 0;
    const timespec timeout{static_cast<time_t>(wait / nanoseconds_per_second),
                           static_cast<long>(wait % nanoseconds_per_second)};
    std::array<epoll_event, 256> events;
    const int count =
        epoll_pwait2(epoll_, events.data(), static_cast<int>(events.size()), &timeout, nullptr);
    CHECK(count >= 0 || errno == EINTR);
    for (int index = 0; index < count; ++index) {
        const epoll_event& event = events[static_cast<std::size_t>(index)];
        static_cast<Pollable*>(event.data.ptr)->ready(event.events);
    }
}

void Reactor::idle(double seconds) {
    const std::uint64_t end = now_ns() + static_cast<std::uint64_t>(
                                             seconds * static_cast<double>(nanoseconds_per_second));
    while (now_ns() < end) turn(end);
}

}  // namespace twinhub::load
