"""A local stand-in for SendGrid: takes mails as strictly as the v3 API says, and tells what became of them."""
