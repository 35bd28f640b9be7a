//! What of a stream passes through whoever only looks at the rest of it.

/// Writes to `$inner` what is written to the type, which is generic over what stands in braces. `$before` is called with the task's context before each write.
macro_rules! writes_through {
    ({$($of:tt)*} $type:ty, $inner:tt $(, $before:ident)?) => {
        impl<$($of)*> tokio::io::AsyncWrite for $type {
            fn poll_write(
                mut self: std::pin::Pin<&mut Self>,
                cx: &mut std::task::Context<'_>,
                bytes: &[u8],
            ) -> std::task::Poll<std::io::Result<usize>> {
                $(self.$before(cx);)?
                std::pin::Pin::new(&mut self.$inner).poll_write(cx, bytes)
            }

            fn poll_flush(
                mut self: std::pin::Pin<&mut Self>,
                cx: &mut std::task::Context<'_>,
            ) -> std::task::Poll<std::io::Result<()>> {
                std::pin::Pin::new(&mut self.$inner).poll_flush(cx)
            }

            fn poll_shutdown(
                mut self: std::pin::Pin<&mut Self>,
                cx: &mut std::task::Context<'_>,
            ) -> std::task::Poll<std::io::Result<()>> {
                std::pin::Pin::new(&mut self.$inner).poll_shutdown(cx)
            }
        }
    };
}

pub(crate) use writes_through;
