module badmap.example/bugs

go 1.19
