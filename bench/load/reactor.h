#pragma once

#include <cstdint>

namespace twinhub::load {

// Nanoseconds on the monotonic clock.
std::uint64_t now_ns();

// Something that waits for its descriptor.
class Pollable {
public:
    virtual ~Pollable() = default;
    virtual void ready(std::uint32_t events) = 0;
};

// One epoll, level-triggered. Plain on purpose: the generator shares the cores with the server it
// measures, so each microsecond it saves is one less in the way.
class Reactor {
public:
    Reactor();
    ~Reactor();
    Reactor(const Reactor&) = delete;
    Reactor& operator=(const Reactor&) = delete;

    void add(int descriptor, std::uint32_t events, Pollable* owner);
    void change(int descriptor, std::uint32_t events, Pollable* owner);
    void remove(int descriptor);

    // Waits until something is ready or `deadline_ns` has come, and lets the ready ones run.
    // A Pollable must outlive the turn in which it closes its descriptor.
    void turn(std::uint64_t deadline_ns);
    void idle(double seconds);  // turns for so long

private:
    int epoll_;
};

}  // namespace twinhub::load
