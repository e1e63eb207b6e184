#pragma once

#include "protocol/amqp/condition.h"
#include "protocol/amqp/value.h"

#include <proton/codec.h>
#include <proton/condition.h>

#include <cstdint>
#include <string>

// Between Proton's values and ours, for the files of Engine.
namespace twinhub::protocol::amqp {

void set(pn_condition_t* to, const Condition& why);
// A map; empty for anything else.
Fields fields_of(pn_data_t* data);
std::string text_or_empty(const char* text);

// Proton keeps a pointer for us with each session and delivery: a number of ours.
inline void* as_context(std::uint64_t number) { return reinterpret_cast<void*>(number); }
inline std::uint64_t as_number(void* context) { return reinterpret_cast<std::uint64_t>(context); }

}  // namespace twinhub::protocol::amqp
