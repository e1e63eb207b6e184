#include "source_tree.h"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>

namespace twinhub::structure {
namespace {

std::string read_file(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

bool is_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

// Blanks comments and the inside of literals, keeping line breaks. A digit separator (1'000) is not
// the start of a character.
std::string code_of(const std::string& text) {
    std::string code;
    code.reserve(text.size());
    std::size_t i = 0;
    const auto blank_until = [&](std::size_t end) {
        for (; i < std::min(end, text.size()); ++i) code += text[i] == '\n' ? '\n' : ' ';
    };
    while (i < text.size()) {
        const std::size_t next = std::min(text.find_first_of("/\"'R", i), text.size());
        code.append(text, i, next - i);
        i = next;
        if (i == text.size()) break;
        const std::string_view rest = std::string_view(text).substr(i);
        const bool after_word = i > 0 && is_word(text[i - 1]);
        if (rest.starts_with("//")) {
            blank_until(std::min(text.find('\n', i), text.size()));
        } else if (rest.starts_with("/*")) {
            const std::size_t end = text.find("*/", i + 2);
            blank_until(end == std::string_view::npos ? text.size() : end + 2);
        } else if (rest.starts_with("R\"") && !after_word) {
            const std::size_t open = text.find('(', i);
            if (open == std::string::npos) break;
            const std::string close = ")" + text.substr(i + 2, open - i - 2) + "\"";
            const std::size_t end = text.find(close, open);
            blank_until(end == std::string_view::npos ? text.size() : end + close.size());
        } else if (text[i] == '"' || (text[i] == '\'' && !after_word)) {
            std::size_t end = i + 1;
            while (end < text.size() && text[end] != text[i] && text[end] != '\n')
                end += text[end] == '\\' ? 2 : 1;
            blank_until(end + 1);
        } else {
            code += text[i++];
        }
    }
    return code;
}

std::vector<std::string> lines_of(const std::string& text) {
    std::vector<std::string> lines;
    std::istringstream stream(text);
    for (std::string line; std::getline(stream, line);) lines.push_back(line);
    return lines;
}

bool has_token(std::string_view line, std::string_view token) {
    for (std::size_t at = line.find(token); at != std::string_view::npos;
         at = line.find(token, at + 1)) {
        const std::size_t end = at + token.size();
        const bool starts = at == 0 || !is_word(line[at - 1]) || !is_word(token.front());
        const bool ends = end == line.size() || !is_word(line[end]) || !is_word(token.back());
        if (starts && ends) return true;
    }
    return false;
}

}  // namespace

bool Source::is_test() const {
    return path.ends_with("_test.cc") || path.find("/testing/") != std::string::npos;
}

Source read_source(std::string path, std::string_view text) {
    Source source{.path = std::move(path)};
    source.room = source.path.substr(0, source.path.find('/'));
    source.code = code_of(std::string(text));
    source.lines = lines_of(source.code);
    for (const std::string& line : lines_of(std::string(text))) {
        if (line.starts_with("#pragma once")) source.pragma_once = true;
        if (!line.starts_with("#include ") || line.size() < 12) continue;
        const std::size_t end = line.find(line[9] == '<' ? '>' : '"', 10);
        if (end == std::string::npos) continue;
        (line[9] == '<' ? source.angled : source.quoted).push_back(line.substr(10, end - 10));
    }
    return source;
}

std::vector<Source> read_tree(const std::string& folder) {
    std::vector<Source> sources;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
        const std::string extension = entry.path().extension().string();
        if (!entry.is_regular_file() || (extension != ".h" && extension != ".cc")) continue;
        const std::string path = std::filesystem::relative(entry.path(), folder).generic_string();
        if (path.find('/') != std::string::npos)
            sources.push_back(read_source(path, read_file(entry.path())));
    }
    std::ranges::sort(sources, {}, &Source::path);
    return sources;
}

std::vector<Room> read_rooms(std::string_view table) {
    std::vector<Room> rooms;
    for (const std::string& line : lines_of(std::string(table))) {
        if (!line.starts_with("room(")) continue;
        std::istringstream words(line.substr(5, line.find(')') - 5));
        Room room;
        words >> room.name;
        bool inside = false;
        for (std::string word; words >> word;) {
            if (word == "MAY_INCLUDE" || word == "LINK" || word == "PCH")
                inside = word == "MAY_INCLUDE";
            else if (inside) room.may_include.push_back(word);
        }
        rooms.push_back(std::move(room));
    }
    return rooms;
}

bool matches(std::string_view path, std::string_view pattern) {
    const std::size_t star = pattern.find('*');
    if (star == std::string_view::npos) return path == pattern;
    if (!path.starts_with(pattern.substr(0, star))) return false;
    const std::string_view rest = pattern.substr(star + 1);
    for (std::size_t i = star; i <= path.size(); ++i)
        if (matches(path.substr(i), rest)) return true;
    return false;
}

std::vector<std::size_t> lines_with(const Source& source, std::string_view token) {
    std::vector<std::size_t> found;
    if (source.code.find(token) == std::string::npos) return found;
    for (std::size_t i = 0; i < source.lines.size(); ++i)
        if (has_token(source.lines[i], token)) found.push_back(i);
    return found;
}

}  // namespace twinhub::structure
