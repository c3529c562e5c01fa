// The header of a file for hosts: lines "key value".
#pragma once

#include <cstdint>
#include <locale>
#include <map>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace alignn {

class HeaderLines {
 public:
  // `path` is for sentences only.
  HeaderLines(const std::string& path, const std::string& content) : path_(path) {
    std::istringstream lines(content);
    for (std::string line; std::getline(lines, line);) {
      const size_t space = line.find(' ');
      if (space != std::string::npos) header_[line.substr(0, space)] = line.substr(space + 1);
    }
  }

  [[noreturn]] void refuse(const std::string& reason) const {
    throw std::runtime_error("the model file " + path_ + " " + reason);
  }

  bool has(const std::string& key) const { return header_.count(key) > 0; }

  const std::string& text(const std::string& key) const {
    const auto found = header_.find(key);
    if (found == header_.end()) refuse("lacks the entry " + key);
    return found->second;
  }

  double number(const std::string& key) const {
    std::istringstream stream(text(key));
    stream.imbue(std::locale::classic());
    double value;
    if (!(stream >> value)) refuse("has an entry " + key + " that is not a number");
    return value;
  }

  int64_t whole(const std::string& key) const { return int64_t(number(key)); }

  std::vector<std::string> words(const std::string& key) const {
    std::istringstream stream(text(key));
    std::vector<std::string> found;
    for (std::string word; stream >> word;) found.push_back(word);
    return found;
  }

  std::vector<double> numbers(const std::string& key) const {
    std::istringstream stream(text(key));
    stream.imbue(std::locale::classic());
    std::vector<double> found;
    for (double value; stream >> value;) found.push_back(value);
    return found;
  }

 private:
  std::string path_;
  std::map<std::string, std::string> header_;
};

}  // namespace alignn
