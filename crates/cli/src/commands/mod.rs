//! The commands, one file each.

pub(crate) mod accounts_block;
pub(crate) mod accounts_list;
pub(crate) mod accounts_sign_out;
pub(crate) mod emulator_certificate;
pub(crate) mod emulator_run;
pub(crate) mod emulator_trust;
pub(crate) mod explain;
pub(crate) mod keys_create;
pub(crate) mod keys_list;
pub(crate) mod keys_retire;
pub(crate) mod keys_rotate;
pub(crate) mod store_create;
