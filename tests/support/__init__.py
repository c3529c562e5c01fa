"""What tests share: structures, data, tiny models, references computed otherwise, recorded numbers."""
