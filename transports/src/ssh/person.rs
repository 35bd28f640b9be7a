//! Somebody who can be asked.

use std::io;

/// A person at a terminal. Each of these waits as long as the person takes, so they are called on a thread of their own.
pub trait Person: Send + Sync {
    /// Says something that wants no answer: what a server wants to be read before anybody gets in.
    fn told(&self, text: &str);

    /// A question whose answer is yes or no.
    ///
    /// # Errors
    /// Where the person goes away instead.
    fn confirms(&self, question: &str) -> io::Result<bool>;

    /// A question whose answer is a line. `shown`: it may be seen while it is typed.
    ///
    /// # Errors
    /// Where the person goes away instead.
    fn answers(&self, question: &str, shown: bool) -> io::Result<String>;
}
