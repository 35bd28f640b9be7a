//! What retention removes first.
