//! Finding messages: the index names candidates, the live rows decide.
